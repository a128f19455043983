/** Who may post; the kinds of `server.auth.type`. Inline credentials are those of the configuration file. */
export type ServerAuth =
  | { readonly type: 'none' }
  | {
      readonly type: 'basic'
      readonly user?: { readonly name: string; readonly password: string }
      readonly usersFile?: string
      readonly onRefused: 401 | 503
    }
  | {
      readonly type: 'bearer'
      readonly token?: string
      readonly tokenFiles: readonly string[]
      readonly onRefused: 401 | 503
    }

/** The files of `server.tls`. With `clientCaFile` a client must show a certificate of one of these CAs. */
export type ServerTls = {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile?: string
}
