import { z } from 'zod'

/** What an operator reads about an option; the type, range and default are in the schema itself. */
export type OptionDocs = {
  /** One or two sentences that help to choose a value. */
  readonly text: string
  /** What a number counts, in the plural. */
  readonly unit?: string
  readonly example?: unknown
  /** What a valid value is, as the end of "expected ..."; made from the type when it is absent. */
  readonly expected?: string
  /** What holds when the option is absent and has no fixed default. */
  readonly whenAbsent?: string
  /** The value is never shown. */
  readonly secret?: true
  /** The value may hold a credential by mistake, so that messages do not repeat it. */
  readonly private?: true
}

export const optionDocs = z.registry<OptionDocs>()

export function wholeNumber(min: number, max: number): z.ZodNumber {
  // Not `z.int()`: its issue would keep the checks of the whole file, such as impossible combinations, from running.
  return z.number().multipleOf(1).min(min).max(max)
}

export function text(maxLength: number): z.ZodString {
  return z.string().min(1).max(maxLength)
}

/**
 * Text with a rule of its own: `problem` answers what is wrong, as a whole message, or undefined. `repeatsValue` tells that
 * the message may repeat the value, so that it is not used when the value comes from the environment.
 */
export function checkedText(
  problem: (value: string) => string | undefined,
  { repeatsValue = false } = {},
): z.ZodString {
  return z.string().superRefine((value, context) => {
    const message = problem(value)
    if (message !== undefined) context.addIssue({ code: 'custom', message, params: { repeatsValue } })
  })
}
