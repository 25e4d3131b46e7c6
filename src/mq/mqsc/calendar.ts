/**
 * Dates and times as displays write them: `2025-05-12` and `05.53.55`, in UTC.
 *
 * The pure half reads no clock and has no time zone; the day is computed from wall-clock milliseconds.
 * Source of the arithmetic: Howard Hinnant, "chrono-compatible low-level date algorithms", days to civil date.
 */

const dayMs = 86_400_000

const two = (value: number): string => String(value).padStart(2, '0')

/** `YYYY-MM-DD` of wall-clock milliseconds since 1970. */
export function dateOf(wallMs: number): string {
  const days = Math.floor(wallMs / dayMs) + 719_468
  const era = Math.floor(days / 146_097)
  const dayOfEra = days - era * 146_097
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
}

/** `HH.MM.SS`, with dots, of wall-clock milliseconds since 1970. */
export function timeOf(wallMs: number, separator: '.' | ':' = '.'): string {
  const seconds = Math.floor((((wallMs % dayMs) + dayMs) % dayMs) / 1000)
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(separator)
}
