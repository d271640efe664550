/** Converts a kernel unit to the base unit of a metric; undefined stays undefined. */
type Convert = (value: number | undefined) => number | undefined

const divideBy =
  (divisor: number): Convert =>
  (value) =>
    value === undefined ? undefined : value / divisor
const times =
  (factor: number): Convert =>
  (value) =>
    value === undefined ? undefined : value * factor

export const milli = divideBy(1e3)
export const micro = divideBy(1e6)
export const nano = divideBy(1e9)
/** Clock ticks (USER_HZ, 100 on every Linux) to seconds. */
export const ticks = divideBy(100)
export const kibi = times(1024)
/** A sector is 512 bytes in every block statistic, whatever the device's own size. */
export const sectors = times(512)
