import { isIPv6 } from 'node:net'

export type ListenAddress = { readonly host: string; readonly port: number }

/** Reads `host:port` or `[IPv6 address]:port`; undefined when the text is something else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match =
    /^(?:\[(?<address>[0-9a-fA-F:.]{2,45})\]|(?<name>[A-Za-z0-9.-]{1,253})):(?<port>[0-9]{1,5})$/.exec(text)
  if (match?.groups === undefined) return undefined
  const { address, name, port } = match.groups
  if (address !== undefined && !isIPv6(address)) return undefined
  const host = address ?? name
  if (host === undefined || Number(port) > 65_535) return undefined
  return { host, port: Number(port) }
}
