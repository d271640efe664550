import { type Answer, plain } from './answer.ts'

/** Content of the status page. */
export interface Landing {
  readonly name: string
  readonly version: string
  /** Paths on this server. */
  readonly links: readonly string[]
  readonly status: Iterable<readonly [name: string, text: string]>
}

const style = `
:root { color-scheme: light dark; --line: #8884 }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 }
p { margin: 0 0 1.5rem; opacity: .7 }
ul { padding: 0; list-style: none; display: flex; gap: 1.5rem; flex-wrap: wrap }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; border-top: 1px solid var(--line) }
th { font-weight: 600; white-space: nowrap }
td { overflow-wrap: anywhere }
`

const headers = {
  'content-type': 'text/html; charset=UTF-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

export function landing({ name, version, links, status }: Landing): Answer {
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(name)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(name)}</h1>
<p>${escaped(version)}</p>
<ul>${links.map((path) => `<li><a href="${escaped(encodeURI(`.${path}`))}">${escaped(path)}</a></li>`).join('')}</ul>
<table>${[...status].map(([what, text]) => `<tr><th>${escaped(what)}</th><td>${escaped(text)}</td></tr>`).join('\n')}</table>
</body>
</html>
`
  return { status: 200, headers, body }
}

export const notFound = plain(404, '404 page not found')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char)
}
