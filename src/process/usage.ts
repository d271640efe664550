/** What processes have used. Ticks are hundredths of a second. Bytes are those of storage, absent where the kernel counts none or hides them. */
export interface Usage {
  readonly userTicks: number
  readonly systemTicks: number
  readonly readBytes: number | undefined
  readonly writtenBytes: number | undefined
}
