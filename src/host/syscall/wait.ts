import { loadLibc } from './ffi.ts'

/** Waits for an ended child of this process, without blocking. */
export type Reaper = (pid: number) => void

/** Throws NoKernel if system calls are not available. */
export async function loadReaper(): Promise<Reaper> {
  const libc = await loadLibc()
  return (pid) => {
    try {
      libc.waitpid(pid)
    } catch {
      // ECHILD: Node has waited for it
    }
  }
}
