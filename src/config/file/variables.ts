/** Environment variables in `${…}`: only capitals, because `${1}` in a replacement refers to a group. */
const variable = /\$(\$\{[A-Z_][A-Z0-9_]*\}|\{([A-Z_][A-Z0-9_]*)\})/g

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Replaces `${NAME}` in every text of a configuration by the environment variable. `$${NAME}` becomes `${NAME}`. Adds a
 * problem for a variable that is not set.
 */
export function expandEnvironment(value: unknown, environment: Environment, problems: string[], path = ''): unknown {
  if (typeof value === 'string') {
    return value.replace(variable, (_, escaped: string, name: string | undefined) => {
      if (name === undefined) return escaped
      const found = environment[name]
      if (found === undefined) problems.push(`${path}: environment variable ${name} is not set`)
      return found ?? ''
    })
  }
  if (Array.isArray(value))
    return value.map((item, i) => expandEnvironment(item, environment, problems, `${path}[${i}]`))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      expandEnvironment(item, environment, problems, path === '' ? key : `${path}.${key}`),
    ]),
  )
}

/** Replaces facts of the host in labels, such as `${hostname}`. */
export function expandFacts(
  text: string,
  facts: Readonly<Record<string, () => string>>,
  place: string,
  problems: string[],
): string {
  return text.replace(/\$\{([a-z_]+)\}/g, (whole, name: string) => {
    const fact = facts[name]
    if (fact === undefined) {
      problems.push(
        `${place}: unknown variable ${whole}, expected one of ${Object.keys(facts)
          .map((one) => `\${${one}}`)
          .join(', ')}`,
      )
      return ''
    }
    const value = fact()
    if (value === '') problems.push(`${place}: the ${name} of this host is not available`)
    return value
  })
}
