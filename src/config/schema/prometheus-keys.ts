import * as v from 'valibot'

/** A key of Prometheus that is known, and cannot do anything here: a block that has it is refused with these words. */
export const unsupported = (words: string) => v.optional(v.custom<undefined>(() => false, words))

/** What Prometheus has from a manager of secrets. */
export function secretRef<const Key extends string>(...keys: readonly Key[]) {
  const of = (key: string) =>
    unsupported(`is of a manager of secrets, which there is none of here: use ${key} or ${key}_file`)
  return Object.fromEntries(keys.map((key) => [`${key}_ref`, of(key)])) as Record<
    `${Key}_ref`,
    ReturnType<typeof unsupported>
  >
}
