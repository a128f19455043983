/** The forms in which bodies of JSON come, each written from the texts of its records. */
export type BodyForm = {
  readonly name: string
  render(records: readonly Buffer[]): Buffer
}

const join = (records: readonly Buffer[], between: string, before = '', after = ''): Buffer =>
  Buffer.concat([
    Buffer.from(before),
    ...records.flatMap((record, index) => (index === 0 ? [record] : [Buffer.from(between), record])),
    Buffer.from(after),
  ])

/** Records must hold no line break, and no NUL. */
export const bodyForms: readonly BodyForm[] = [
  { name: 'an array', render: (records) => join(records, ',', '[', ']') },
  { name: 'an array over several lines', render: (records) => join(records, ',\n  ', '[\n  ', '\n]\n') },
  { name: 'lines', render: (records) => join(records, '\n', '', '\n') },
  { name: 'lines without the last newline', render: (records) => join(records, '\n') },
  { name: 'lines with CRLF', render: (records) => join(records, '\r\n', '', '\r\n') },
  { name: 'lines with CR alone', render: (records) => join(records, '\r', '', '\r') },
  { name: 'lines and blank lines', render: (records) => join(records, '\n\n \n', '\n', '\n\n') },
  { name: 'lines after a byte order mark', render: (records) => join(records, '\n', '\uFEFF', '\n') },
  {
    name: 'lines, each after a byte order mark',
    render: (records) => join(records, '\n\uFEFF', '\uFEFF', '\n'),
  },
  { name: 'lines that end in commas', render: (records) => join(records, ',\n', '', ',\n') },
  { name: 'objects ended by NUL', render: (records) => join(records, '\0', '', '\0') },
  { name: 'objects one after the other', render: (records) => join(records, '') },
  { name: 'lines that are arrays', render: (records) => join(records, ']\n[', '[', ']\n') },
]
