/**
 * What is thrown for bytes that are no record. It is met by the thousand in one body and always caught by the decoder, so it is no Error:
 * nobody looks at a stack trace, which costs more than the rest of the work.
 */
export class BadData {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}
