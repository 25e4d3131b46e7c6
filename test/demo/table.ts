/** Lays out rows of text as a table with aligned columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map(row => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()
  const [heading, ...rest] = rows
  if (heading === undefined) return ''
  return [line(heading), widths.map(width => '-'.repeat(width)).join('  '), ...rest.map(line)].join('\n')
}
