/*
 * Writes docs/collectors.md from the collectors themselves.
 *
 *   npm run docs [-- --check]
 *
 * With --check nothing is written: it fails where the file is not as it would be.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Collector, Option } from '../src/collector.ts'
import { collectors } from '../src/collectors/index.ts'
import { interfaceFlags } from '../src/config/sections/collectors.ts'
import type { Flag } from '../src/util/flags.ts'
import { about } from './docs/about.ts'

const page = new URL('../docs/collectors.md', import.meta.url)

const head = `# Collectors

<!-- Made by \`npm run docs\`: changes go into src/collectors and scripts/docs. -->

All ${collectors.length} collectors of node_exporter for Linux, with its flags, defaults and metrics.
[differences.md](differences.md) lists where they differ from it. A collector is switched by \`--collector.NAME\` and
\`--no-collector.NAME\`, or in the configuration by \`"collectors": { "NAME": { "enabled": true } }\`;
\`--collector.disable-defaults\` (\`"disable_defaults": true\`) starts with all of them off. Options are given as flags,
or beside \`enabled\` by the key that is named below. Patterns are RE2 and match anywhere unless they are anchored.

${interfaceFlags.map(filterOf).join('\n')}

`

function filterOf({ name, help }: Flag): string {
  return `- \`--${name}\` (\`"interfaces": { "${name.split('.')[1]}": … }\`): ${help}`
}

/** The whole page. */
export function docsText(): string {
  const on = collectors.filter(({ enabled }) => enabled)
  const off = collectors.filter(({ enabled }) => !enabled)
  const listed = (some: readonly Collector[]) => some.map(({ name }) => `[${name}](#${name})`).join(' · ')
  const index = `On by default (${on.length}): ${listed(on)}\n\nOff by default (${off.length}): ${listed(off)}\n`
  return `${head}${index}\n${collectors.map(sectionOf).join('\n')}`
}

function sectionOf({ name, enabled, deprecated, options }: Collector): string {
  const source = readFileSync(new URL(`../src/collectors/${name.replaceAll('_', '-')}.ts`, import.meta.url), 'utf8')
  const state = `${enabled ? 'On' : 'Off'} by default.${deprecated ? ' Deprecated in node_exporter.' : ''}`
  const link = linkIn(source)
  const more = link === undefined ? '' : ` See <${link}>.`
  const rows = Object.entries(options)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([key, option]) => rowOf(name, key, option))
  const table = rows.length === 0 ? '' : `\n| Flag | Key | Default | |\n|---|---|---|---|\n${rows.join('')}`
  const families = familiesIn(source).map((family) => `\`${family}\``)
  const listed = families.length === 0 ? '' : `\nMetrics: ${families.join(', ')}\n`
  return `## ${name}\n\n${about[name]} ${state}${more}\n${table}${listed}`
}

function rowOf(collector: string, key: string, { kind, flag, fallback, help, env }: Option): string {
  const name = `${kind === 'boolean' ? '[no-]' : ''}collector.${flag ?? `${collector}.${key}`}`
  const standing = String(fallback)
  const shown = standing === '' ? '' : `\`${cell(standing)}\``
  const variable = env === undefined ? '' : ` The variable ${env} stands in for the default.`
  const notes = `${kind === 'list' ? ' Repeatable.' : ''}${variable}`
  return `| \`--${name}\` | \`${key}\` | ${shown} | ${cell(help)}${notes} |\n`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The first link of the comment above the collector. */
function linkIn(source: string): string | undefined {
  const [, comment = ''] = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport default collector/.exec(source) ?? []
  return /https?:\/\/[^\s,;]+[^\s,;:.]/.exec(comment)?.[0]
}

/** Families as they are written; what their names are made of meanwhile is a \`*\`. */
function familiesIn(source: string): string[] {
  const names = [...source.matchAll(/'(node_\w+)'|`(node_[^`]+)`/g)]
    .map(([, plain = '', template = '']) => plain || template.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '*'))
    .filter((name) => /^[\w*]+$/.test(name))
  return [...new Set(names)].sort()
}

if (import.meta.main) {
  const text = docsText()
  if (!process.argv.includes('--check')) writeFileSync(page, text)
  else if (readFileSync(page, 'utf8') !== text) {
    console.error('docs/collectors.md is not what the collectors say: npm run docs')
    process.exitCode = 1
  }
}
