/** The columns of the checkpoint table, with their types in Kusto. */
export const checkpointColumns = [
  ['writer', 'string'],
  ['epoch', 'long'],
  ['nonce', 'string'],
  ['sequence', 'long'],
  ['batch_id', 'string'],
  ['database', 'string'],
  ['table', 'string'],
  ['outcome', 'string'],
  ['records', 'long'],
  ['raw_bytes', 'long'],
  ['blob_bytes', 'long'],
  ['first_received_at', 'datetime'],
  ['last_received_at', 'datetime'],
  ['blob', 'string'],
  ['settled_at', 'datetime'],
] as const
