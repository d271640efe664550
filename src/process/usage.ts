/** Resource usage of processes. Ticks: 1/100 s. Bytes read from and written to storage; undefined if the kernel does not show them. */
export interface Usage {
  readonly userTicks: number
  readonly systemTicks: number
  readonly readBytes: number | undefined
  readonly writtenBytes: number | undefined
}
