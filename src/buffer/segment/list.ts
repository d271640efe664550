import { maxSamples } from './format.ts'

/** Which series: what is the same at both ends of the list before, and between them each number's step to the next. */
export function listOf(ids: Uint32Array, before: Uint32Array): Buffer {
  if (ids === before) return Buffer.alloc(0)
  const shorter = Math.min(ids.length, before.length)
  let head = 0
  while (head < shorter && ids[head] === before[head]) head++
  let tail = 0
  while (tail < shorter - head && ids[ids.length - 1 - tail] === before[before.length - 1 - tail]) tail++
  const bytes: number[] = []
  putNumber(bytes, head)
  putNumber(bytes, tail)
  let previous = -1
  for (const id of ids.subarray(head, ids.length - tail)) {
    const step = id - previous - 1
    putNumber(bytes, step < 0 ? -2 * step - 1 : 2 * step)
    previous = id
  }
  return Buffer.from(bytes)
}

export function readList(list: Buffer, before: Uint32Array): Uint32Array {
  const numbers = numbersOf(list)
  const [head = 0, tail = 0, ...steps] = numbers
  if (head + tail > before.length) throw new Error('a list of series that refers to none')
  let previous = -1
  const middle = steps.map((step) => (previous += 1 + (step % 2 === 0 ? step / 2 : -(step + 1) / 2)))
  if (middle.some((id) => id < 0 || id >= maxSamples)) throw new Error('a list of series that are none')
  const ids = new Uint32Array(head + middle.length + tail)
  ids.set(before.subarray(0, head))
  ids.set(middle, head)
  ids.set(before.subarray(before.length - tail), head + middle.length)
  return ids
}

/** Seven bits a byte, the highest bit says that more follow. */
function putNumber(bytes: number[], number: number): void {
  let rest = number
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
}

function numbersOf(bytes: Buffer): readonly number[] {
  const numbers: number[] = []
  let number = 0
  let scale = 1
  for (const byte of bytes) {
    number += (byte & 127) * scale
    scale *= 128
    if (byte > 127) continue
    numbers.push(number)
    number = 0
    scale = 1
  }
  return numbers
}
