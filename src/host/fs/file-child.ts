/*
 * The program of a child process that reads files on remote file systems, where a system call may wait without end: see
 * remote-files.ts. It answers one request after another and ends when its parent ends.
 */
import { statSync } from 'node:fs'
import { systemClock } from '../../util/clock.ts'
import { messageOf } from '../../util/log.ts'
import { readRegular } from '../../util/regular-file.ts'
import { Dir } from './dir.ts'
import { codeOf, diskFiles } from './files.ts'
import { globbed } from './glob.ts'
import { stampOf } from './stamp.ts'
import type { FileAnswer, FileRequest, FoundFile, ListedFiles, ReadAnswer } from './types.ts'

process.on('message', (request: FileRequest) => {
  const { id } = request
  try {
    reply({ id, value: request.kind === 'read' ? read(request) : list(request) })
  } catch (error) {
    reply({ id, error: { message: messageOf(error), code: codeOf(error) } })
  }
})

const reply = (answer: FileAnswer) => process.send?.(answer)

function read({ path, maxBytes, unless }: FileRequest & { readonly kind: 'read' }): ReadAnswer {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false })
  const stamp = status === undefined ? '' : stampOf(status, systemClock.now())
  return stamp !== '' && stamp === unless ? 'unchanged' : { ...readRegular(path, maxBytes), stamp }
}

function list({ pattern, suffix, limits }: FileRequest & { readonly kind: 'list' }): ListedFiles {
  const files = diskFiles('/nonexistent') // keeps no descriptor open, which would keep the file system busy
  const dirAt = (path: string) => new Dir(files, path)
  const listed = { files: [] as FoundFile[], faults: [] as string[] }
  let leftBytes = limits.bytes
  const add = (path: string) => {
    if (!path.endsWith(suffix) || listed.files.length > limits.files) return
    const one = foundFile(path, Math.min(limits.fileBytes, leftBytes))
    if ('bytes' in one) leftBytes -= one.bytes.length
    listed.files.push(one)
  }
  for (const path of globbed(pattern, dirAt)) {
    try {
      if (dirAt(path).status()?.kind === 'directory') for (const name of namesIn(path)) add(`${path}/${name}`)
      else add(path)
    } catch (error) {
      listed.faults.push(messageOf(error))
    }
  }
  return listed

  function namesIn(path: string): readonly string[] {
    const names = dirAt(path).entries(limits.entries + 1)
    if (names.length <= limits.entries) return names
    listed.faults.push(`${path}: more than ${limits.entries} entries, the others are ignored`)
    return names.slice(0, limits.entries)
  }
}

function foundFile(path: string, maxBytes: number): FoundFile {
  try {
    return { path, ...readRegular(path, maxBytes) }
  } catch (error) {
    return { path, error: messageOf(error) }
  }
}
