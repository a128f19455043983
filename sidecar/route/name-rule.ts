import { SidecarError } from '../core/errors.ts'
import { kustoNameProblem } from '../core/kusto-name.ts'
import { quoteShort } from '../core/quote-short.ts'
import { fixedText, type Template, usesTag, withTag } from '../core/template.ts'
import { anyWildcard, type Wildcard } from '../core/wildcard.ts'

type Options = {
  readonly kind: 'database' | 'table'
  readonly template: Template
  readonly allowed: readonly string[]
  /** The key with the template, for messages: `routes[2].table`. */
  readonly madeBy: string
  /** The key with the list: `routes[2].allowed_tables`. */
  readonly allowedKey: string
}

/**
 * How the name of a database or table comes about, and which names are good. Messages repeat a name that comes from a tag, which is no
 * content, and never one that comes from a record.
 */
export class NameRule {
  readonly template: Template
  /** Whether the name differs between records. */
  readonly usesRecord: boolean
  readonly usesTag: boolean
  readonly #options: Options
  readonly #isAllowed: Wildcard
  /** Records that fail in the same way share one error, so that a body of bad records makes few. */
  readonly #recordErrors = new Map<string, SidecarError>()

  constructor(options: Options) {
    this.#options = options
    this.template = options.template
    this.usesTag = usesTag(options.template)
    this.usesRecord = options.template.some((part) => part.kind === 'record')
    this.#isAllowed = anyWildcard(options.allowed)
  }

  /** The name without any template; undefined when it is made from something. */
  get fixed(): string | undefined {
    return fixedText(this.template)
  }

  /** The template with the tag filled in. */
  bind(tag: string | undefined): Template | SidecarError {
    const { kind, madeBy } = this.#options
    const missing =
      tag === undefined ? 'the request has no tag' : `the tag ${quoteShort(tag)} has too few parts`
    return (
      withTag(this.template, tag) ??
      new SidecarError('ROUTE_VALUE_MISSING', `The ${kind} name cannot be made by ${madeBy}: ${missing}.`)
    )
  }

  /** Why no name can be made of a record. */
  get missing(): SidecarError {
    const { kind, madeBy } = this.#options
    return this.#recordError(
      'ROUTE_VALUE_MISSING',
      `The ${kind} name cannot be made by ${madeBy}: the record lacks the field, or it is neither text nor a number.`,
    )
  }

  /** What is wrong with a name that was made. */
  problemWith(name: string): SidecarError | undefined {
    const { kind, madeBy, allowedKey } = this.#options
    if (this.fixed !== undefined) return undefined
    const problem = kustoNameProblem(name)
    if (problem !== undefined) {
      if (!this.usesRecord) {
        return new SidecarError('ROUTE_NAME_INVALID', `The ${kind} name made by ${madeBy} ${problem}.`)
      }
      return this.#recordError(
        'ROUTE_NAME_INVALID',
        `The ${kind} name made by ${madeBy} from the record breaks the rules of Kusto: 1 to 1024 letters, digits, "_", " ", "." and "-".`,
      )
    }
    if (this.#isAllowed(name)) return undefined
    if (!this.usesRecord) {
      return new SidecarError(
        'ROUTE_NOT_ALLOWED',
        `The ${kind} ${quoteShort(name)}, made by ${madeBy}, is not in ${allowedKey}: add it there if it is wanted.`,
      )
    }
    return this.#recordError(
      'ROUTE_NOT_ALLOWED',
      `The ${kind} made by ${madeBy} from the record is not in ${allowedKey}: add it there if it is wanted.`,
    )
  }

  #recordError(
    code: 'ROUTE_VALUE_MISSING' | 'ROUTE_NAME_INVALID' | 'ROUTE_NOT_ALLOWED',
    message: string,
  ): SidecarError {
    const known = this.#recordErrors.get(code)
    if (known !== undefined) return known
    const error = new SidecarError(code, message)
    this.#recordErrors.set(code, error)
    return error
  }
}
