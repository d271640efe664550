type Cell = string | number | undefined

/** A Markdown table with padded columns; numbers are right-aligned. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [headings, ...rows.map((row) => row.map(cellText))]
  const isNumber = headings.map((_, column) => rows.every((row) => typeof row[column] !== 'string'))
  const widths = headings.map((_, column) => Math.max(3, ...lines.map((line) => (line[column] ?? '').length)))
  const padded = lines.map((line) =>
    widths.map((width, column) => {
      const cell = line[column] ?? ''
      return isNumber[column] ? cell.padStart(width) : cell.padEnd(width)
    }),
  )
  const rule = widths.map((width, column) => (isNumber[column] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)))
  const [head = [], ...body] = padded
  return `${[head, rule, ...body].map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`
}

function cellText(cell: Cell): string {
  if (typeof cell !== 'number') return cell ?? ''
  const size = Math.abs(cell)
  return Number.isInteger(cell) ? String(cell) : cell.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)
}

/** A value with its maximum (bar) and, if there is one, its goal. */
export function withVerdict(value: number, bar: number, goal?: number): string {
  const verdict =
    value > bar ? '**over the bar**' : goal !== undefined && value <= goal ? 'goal reached' : 'within the bar'
  return `${cellText(value)} (bar ${bar}${goal === undefined ? '' : `, goal ${goal}`}: ${verdict})`
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = sorted.length >> 1
  const [low = 0, high = 0] = sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1)
  return (low + high) / 2
}
