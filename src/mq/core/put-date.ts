/** PutDate and PutTime of a message, from wall-clock milliseconds. UTC; no time zone, no leap seconds. */

const dayMs = 86_400_000
const pad = (value: number, digits: number): string => String(value).padStart(digits, '0')

/** Year, month 1 to 12, day 1 to 31 of a count of days since 1970-01-01; the year starts in March, so leap days come last. */
function civil(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1 }
}

/** Makes the strings, and remembers the last ones: many messages are put within one hundredth of a second. */
export class PutDates {
  #hundredth = -1
  #day = -1
  date = ''
  time = ''

  /** Sets `date` (`YYYYMMDD`) and `time` (`HHMMSSTH`). */
  at(wallMs: number): void {
    const hundredth = Math.floor(wallMs / 10)
    if (hundredth === this.#hundredth) return
    this.#hundredth = hundredth
    const day = Math.floor(wallMs / dayMs)
    if (day !== this.#day) {
      this.#day = day
      const { year, month, day: dayOfMonth } = civil(day)
      this.date = pad(year, 4) + pad(month, 2) + pad(dayOfMonth, 2)
    }
    const left = hundredth - day * (dayMs / 10)
    this.time = pad(Math.floor(left / 360_000), 2) + pad(Math.floor(left / 6_000) % 60, 2) + pad(Math.floor(left / 100) % 60, 2) + pad(left % 100, 2)
  }
}

/** Wall-clock milliseconds of a put date and time; null when they are not digits. */
export function putMs(date: string, time: string): number | null {
  if (!/^\d{8}$/.test(date) || !/^\d{8}$/.test(time)) return null
  const year = Number(date.slice(0, 4))
  const month = Number(date.slice(4, 6))
  const shiftedYear = month <= 2 ? year - 1 : year
  const era = Math.floor(shiftedYear / 400)
  const yearOfEra = shiftedYear - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + Number(date.slice(6, 8)) - 1
  const days = era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  const seconds = Number(time.slice(0, 2)) * 3_600 + Number(time.slice(2, 4)) * 60 + Number(time.slice(4, 6))
  return days * dayMs + seconds * 1_000 + Number(time.slice(6, 8)) * 10
}
