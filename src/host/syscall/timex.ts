import type { Libc } from './ffi.ts'

/** State of the kernel clock; adjtimex(2) documents each field. */
export interface Timex {
  /** Return value of adjtimex: 0 to 4 if the clock is synchronized, 5 (TIME_ERROR) if not. */
  readonly state: number
  /** STA_… bits. */
  readonly status: number
  /** Unit of `offset` and `jitter`: microseconds, or nanoseconds if STA_NANO is set. */
  readonly offset: number
  /** Unit of `freq`, `ppsfreq` and `stabil`: parts per million, multiplied by 65536. */
  readonly freq: number
  /** Unit of `maxerror`, `esterror` and `tick`: microseconds. */
  readonly maxerror: number
  readonly esterror: number
  readonly constant: number
  readonly tick: number
  readonly ppsfreq: number
  readonly jitter: number
  readonly shift: number
  readonly stabil: number
  readonly jitcnt: number
  readonly calcnt: number
  readonly errcnt: number
  readonly stbcnt: number
  readonly tai: number
}

/** Twice the size of `struct timex` on a 64-bit processor. */
const bytes = 416

/** Reads the state and changes nothing: `modes`, the first field, is 0. */
export function adjtimex(libc: Libc): Timex {
  const into = Buffer.alloc(bytes)
  return timexOf(libc.adjtimex(into), into)
}

export function timexOf(state: number, timex: Buffer): Timex {
  const long = (at: number) => Number(timex.readBigInt64LE(at))
  return {
    state,
    offset: long(8),
    freq: long(16),
    maxerror: long(24),
    esterror: long(32),
    status: timex.readInt32LE(40),
    constant: long(48),
    tick: long(88),
    ppsfreq: long(96),
    jitter: long(104),
    shift: timex.readInt32LE(112),
    stabil: long(120),
    jitcnt: long(128),
    calcnt: long(136),
    errcnt: long(144),
    stbcnt: long(152),
    tai: timex.readInt32LE(160),
  }
}
