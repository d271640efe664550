import type { Libc } from './ffi.ts'

/** State of the kernel clock; adjtimex(2) documents each field. */
export interface Timex {
  /** What adjtimex returned: 0 to 4 when synchronised, 5 (TIME_ERROR) when not. */
  readonly state: number
  /** STA_… bits. */
  readonly status: number
  /** In microseconds, or nanoseconds if STA_NANO is set; `jitter` likewise. */
  readonly offset: number
  /** In parts per million, scaled by 65536; `ppsfreq` and `stabil` likewise. */
  readonly freq: number
  /** In microseconds; `esterror` and `tick` likewise. */
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

/** Only reads: `modes`, the first field, is 0. */
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
