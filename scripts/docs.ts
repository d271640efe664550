/*
 * Writes the generated pages: docs/collectors.md and docs/logs.md.
 *
 *   npm run docs [-- --check]
 *
 * With --check it writes nothing and exits with 1 if a page is not up to date.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collectorDocsText } from './collector-docs.ts'
import { logDocsText } from './log-docs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const pages = { 'docs/collectors.md': collectorDocsText(), 'docs/logs.md': await logDocsText() }

for (const [page, text] of Object.entries(pages)) {
  const file = join(root, page)
  if (!process.argv.includes('--check')) writeFileSync(file, text)
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`${page} is out of date: run npm run docs`)
    process.exitCode = 1
  }
}
