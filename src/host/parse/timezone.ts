import { instantOf } from '../../util/clock.ts'
import type { Dir } from '../fs/dir.ts'

/** A time zone at one time: abbreviation (`CET`, or `+0530` if it has none) and offset from UTC. */
export interface Zone {
  readonly name: string
  readonly offsetSeconds: number
}

const utc: Zone = { name: 'UTC', offsetSeconds: 0 }

/** Possible paths of the zone database. */
const databases = ['usr/share/zoneinfo', 'usr/share/lib/zoneinfo', 'usr/lib/locale/TZ', 'etc/zoneinfo']

/**
 * The zone in effect at a time, in seconds since the epoch. As in Go, and unlike in libc, TZ is the name or the path of a
 * zone file, never a rule. The default is /etc/localtime. If the file is not readable, the zone is UTC.
 */
export function zoneAt(seconds: number, timezone: string | undefined, root: Dir): Zone {
  const name = timezone?.replace(/^:/, '')
  const paths =
    name === undefined
      ? ['etc/localtime']
      : name.startsWith('/')
        ? [name.slice(1)]
        : databases.map((at) => `${at}/${name}`)
  if (name === '') return utc
  for (const path of paths) {
    try {
      return zoneIn(root.bytes(path), seconds)
    } catch {
      // Missing or corrupt: try the next database.
    }
  }
  return utc
}

/**
 * Looks a time up in a TZif file (RFC 9636): a header, a data block with 32-bit times, and from version 2 on a second
 * header and block with 64-bit times, and a POSIX rule for all times after the last transition. Throws if the file
 * is truncated.
 */
export function zoneIn(file: Buffer, seconds: number): Zone {
  const old = blockAt(file, 0, 4)
  const block = old.version === '\0' ? old : blockAt(file, old.end, 8)
  const next = countUntil(block.transitions, (i) => block.timeOf(i) > seconds)
  if (next === block.transitions && block !== old) {
    const [, rule] = /^\n(.*)\n$/.exec(file.toString('latin1', block.end)) ?? []
    if (rule === undefined) throw new Error('zone: the rule is truncated')
    if (rule !== '') return zoneBy(rule, seconds)
  }
  return next === 0 ? block.first() : block.zone(block.kindOf(next - 1))
}

/** Parses a header and the data block after it. */
function blockAt(file: Buffer, start: number, timeSize: 4 | 8) {
  if (file.toString('latin1', start, start + 4) !== 'TZif') throw new Error('zone: not a TZif file')
  const [utcMarks, standardMarks, leaps, transitions, kinds, chars] = [20, 24, 28, 32, 36, 40].map((at) =>
    file.readUInt32BE(start + at),
  ) as [number, number, number, number, number, number]
  const times = start + 44
  const kindAt = times + transitions * timeSize
  const zones = kindAt + transitions
  const names = zones + kinds * 6
  const end = names + chars + leaps * (timeSize + 4) + standardMarks + utcMarks
  if (end > file.length) throw new Error('zone: the file is truncated')
  const zone = (kind: number): Zone => {
    const name = names + file.readUInt8(zones + kind * 6 + 5)
    return {
      name: file.toString('latin1', name, file.indexOf(0, name)),
      offsetSeconds: file.readInt32BE(zones + kind * 6),
    }
  }
  const isSummer = (kind: number) => file.readUInt8(zones + kind * 6 + 4) === 1
  return {
    version: file.toString('latin1', start + 4, start + 5),
    transitions,
    end,
    zone,
    timeOf: (i: number) =>
      timeSize === 4 ? file.readInt32BE(times + i * 4) : Number(file.readBigInt64BE(times + i * 8)),
    kindOf: (i: number) => file.readUInt8(kindAt + i),
    /** The zone before the first transition: the first kind of time that is not summer time. */
    first: () =>
      zone(
        Math.max(
          0,
          Array.from({ length: kinds }, (_, kind) => kind).findIndex((kind) => !isSummer(kind)),
        ),
      ),
  }
}

/** Binary search: the first index below `length` for which `isAfter` is true, or `length`. `isAfter` must be monotonic. */
function countUntil(length: number, isAfter: (i: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isAfter(middle)) high = middle
    else low = middle + 1
  }
  return low
}

const time = String.raw`[-+]?\d+(?::\d+(?::\d+)?)?`
const name = String.raw`<[-+\w]+>|[A-Za-z]+`
const change = String.raw`,([JM]?[\d.]+)(?:/(${time}))?`
const ruleForm = new RegExp(`^(${name})(${time})(?:(${name})(${time})?${change}${change})?$`)

/** A POSIX rule: `CET-1CEST,M3.5.0,M10.5.0/3`. Its offsets are west of Greenwich. */
export function zoneBy(rule: string, seconds: number): Zone {
  const found = ruleForm.exec(rule)
  if (found === null) throw new Error(`zone: ${JSON.stringify(rule)} is not a rule`)
  const [, standardName = '', west, summerName, summerWest, start = '', startTime, end = '', endTime] = found
  const standard = { name: standardName.replace(/[<>]/g, ''), offsetSeconds: 0 - secondsOf(west ?? '0') }
  if (summerName === undefined) return standard
  const summer = {
    name: summerName.replace(/[<>]/g, ''),
    offsetSeconds: summerWest === undefined ? standard.offsetSeconds + 3600 : 0 - secondsOf(summerWest),
  }
  const year = yearOf(seconds)
  const starts = dayOf(start, year) * 86400 + secondsOf(startTime ?? '2') - standard.offsetSeconds
  const ends = dayOf(end, year) * 86400 + secondsOf(endTime ?? '2') - summer.offsetSeconds
  // In the southern hemisphere summer time starts in one year and ends in the next.
  const isSummer = starts < ends ? seconds >= starts && seconds < ends : seconds >= starts || seconds < ends
  return isSummer ? summer : standard
}

/** `[-]hh[:mm[:ss]]` */
function secondsOf(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[-+]/, '').split(':').map(Number)
  return (text.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
}

/** The day since the epoch of `Mmonth.week.weekday`, `Jday` (without 29 February) or `day` in a year. */
function dayOf(rule: string, year: number): number {
  const [first = 0, week = 0, weekday = 0] = rule.replace(/^[JM]/, '').split('.').map(Number)
  if (rule.startsWith('M')) {
    const month = firstOf(year, first)
    // 1 January 1970 was a Thursday.
    const day = month + ((((weekday - 4 - month) % 7) + 7) % 7) + (week - 1) * 7
    return day < firstOf(first === 12 ? year + 1 : year, (first % 12) + 1) ? day : day - 7
  }
  const isLeap = firstOf(year, 3) - firstOf(year, 2) === 29
  return firstOf(year, 1) + (rule.startsWith('J') && !(isLeap && first > 59) ? first - 1 : first)
}

const firstOf = (year: number, month: number) => instantOf(`${year}-${String(month).padStart(2, '0')}-01`) / 86400e3

function yearOf(seconds: number): number {
  const guess = 1970 + Math.floor(seconds / 31556952)
  if (seconds < firstOf(guess, 1) * 86400) return guess - 1
  return seconds < firstOf(guess + 1, 1) * 86400 ? guess : guess + 1
}
