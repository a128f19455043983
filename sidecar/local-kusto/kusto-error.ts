/** A refusal as the engine or Data Management words it; becomes the body of a 4xx or 5xx answer. */
export class KustoError extends Error {
  readonly code: string
  readonly httpStatus: number
  readonly isPermanent: boolean

  constructor(code: string, message: string, options: { httpStatus?: number; isPermanent?: boolean } = {}) {
    super(message)
    this.name = 'KustoError'
    this.code = code
    this.httpStatus = options.httpStatus ?? 400
    this.isPermanent = options.isPermanent ?? true
  }

  /** The `OneApi` error body that Kusto's REST endpoints answer with. */
  toBody(): unknown {
    return {
      error: {
        code: this.code,
        message: this.isPermanent
          ? 'Request is invalid and cannot be executed.'
          : 'Request could not be executed now.',
        '@type': `Kusto.LocalKusto.Exceptions.${this.code}`,
        '@message': this.message,
        '@permanent': this.isPermanent,
      },
    }
  }
}

export function syntaxError(message: string): KustoError {
  return new KustoError('BadRequest_SyntaxError', `Syntax error: ${message}`)
}

export function semanticError(message: string): KustoError {
  return new KustoError('BadRequest_SemanticError', `Semantic error: ${message}`)
}

/** For what the real service knows and this one does not. */
export function unsupported(what: string): KustoError {
  return new KustoError(
    'BadRequest_NotSupported',
    `The local Kusto does not know ${what}; the real service may.`,
  )
}

export function entityNotFound(kind: 'Database' | 'Table' | 'Mapping', name: string): KustoError {
  return new KustoError('BadRequest_EntityNotFound', `Entity '${name}' of kind '${kind}' was not found.`)
}
