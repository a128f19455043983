import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { KustoError } from '../../../sidecar/local-kusto/kusto-error.ts'
import { anEngine } from './an-engine.ts'

const columns = 'ts:datetime, level:string, n:long, r:real, b:bool, log:dynamic, i:int, span:timespan'
const rows = [
  [
    '2026-01-01T10:15:00Z',
    'info',
    1,
    1.5,
    true,
    { status: 200, path: '/a', tags: ['x', 'y'] },
    1,
    '00:00:01',
  ],
  ['2026-01-01T10:45:00Z', 'Error', 2, null, false, { status: 500, path: '/b c' }, 2, '1.00:00:00'],
  ['2026-01-01T11:15:00Z', 'error', null, -2, null, null, null, null],
  [null, '', 9007199254740993n, 0, true, 'text', 3, null],
]
const { query } = anEngine(columns, rows)

/** What `n` is in the rows that a condition leaves; null stands for the third row. */
function where(condition: string): unknown[] {
  return query(`T | where ${condition}`).map(({ n }) => n)
}

/** The value of an expression. */
function print(expression: string): unknown {
  return query(`print x = ${expression}`)[0]?.['x']
}

const big = 9007199254740993n

describe('where', () => {
  const cases: Readonly<Record<string, readonly unknown[]>> = {
    'n == 1': [1],
    'n == 9007199254740993': [big],
    'n == 9007199254740992': [],
    'n != 1': [2, null, big],
    'n > 1': [2, big],
    'n >= 1 and n <= 2': [1, 2],
    'n < 2 or isnull(n)': [1, null],
    'not(n == 1)': [2, null, big],
    'r < 1': [null, big],
    'i == 1.0': [1],
    'n between (1 .. 2)': [1, 2],
    'n !between (1 .. 2)': [big],
    'ts between (datetime(2026-01-01 10:00) .. 1h)': [1, 2],
    'n in (1, 2, 3)': [1, 2],
    'n !in (1, 2)': [null, big],
    'level == "error"': [null],
    'level =~ "ERROR"': [2, null],
    'level !~ "error"': [1, big],
    'level in ("info", "error")': [1, null],
    'level in~ ("INFO", "ERROR")': [1, 2, null],
    'level !in~ ("info", "error")': [big],
    'level contains "RR"': [2, null],
    'level contains_cs "Err"': [2],
    'level !contains "rr"': [1, big],
    'level startswith "e"': [2, null],
    'level startswith_cs "e"': [null],
    'level endswith "FO"': [1],
    'isempty(level)': [big],
    'isnotempty(level)': [1, 2, null],
    'isnull(r)': [2],
    'isnotnull(ts)': [1, 2, null],
    b: [1, big],
    'b == false': [2],
    'b == true and log.status == 200': [1],
    'ts >= datetime(2026-01-01T10:45:00Z)': [2, null],
    'ts > ago(1h)': [],
    'ts < now()': [1, 2, null],
    'span > 1m': [2],
    'log.status >= 500': [2],
    'log.path == "/a"': [1],
    'log["path"] has "c"': [2],
    'log.tags[1] == "y"': [1],
    'log.tags[-2] == "x"': [1],
    'isnull(log.nothing.at.all)': [1, 2, null, big],
    'log has "status"': [1, 2],
    'tostring(log) == "text"': [big],
    'tolong(log.status) == 500': [2],
    'bin(ts, 1h) == datetime(2026-01-01 11:00)': [null],
  }
  for (const [condition, expected] of Object.entries(cases)) {
    it(`keeps the right rows for ${condition}`, () => {
      assert.deepEqual(where(condition), expected)
    })
  }

  it('finds whole terms with has', () => {
    const terms = ['a b', 'ab', 'a-b', 'a_b', 'ab a', 'Ä b', '']
    const { query: ask } = anEngine(
      's:string',
      terms.map((term) => [term]),
    )
    const found = (condition: string) => ask(`T | where ${condition}`).map(({ s }) => s)

    assert.deepEqual(found('s has "A"'), ['a b', 'a-b', 'a_b', 'ab a'])
    assert.deepEqual(found('s has_cs "A"'), [])
    assert.deepEqual(found('s !has "a"'), ['ab', 'Ä b', ''])
    assert.deepEqual(found('s has "a-b"'), ['a-b'])
    assert.deepEqual(found('s hasprefix "a"'), ['a b', 'ab', 'a-b', 'a_b', 'ab a'])
    assert.deepEqual(found('s hassuffix "b"'), ['a b', 'ab', 'a-b', 'a_b', 'ab a', 'Ä b'])
  })
})

describe('expressions', () => {
  const cases: Readonly<Record<string, unknown>> = {
    '7 / 2': 3,
    '-7 / 2': -3,
    '7 % 4': 3,
    '1 / 0': null,
    '7.0 / 2': 3.5,
    '1 + 2 * 3': 7,
    '(1 + 2) * 3': 9,
    '9223372036854775807 + 1': -9223372036854775808n,
    '0x1f': 31,
    '1.5e3': 1500,
    'datetime(2026-01-02) - datetime(2026-01-01)': '1.00:00:00',
    'datetime(2026-01-01) + 90m': '2026-01-01T01:30:00.0000000Z',
    'time(1.02:03:04.5)': '1.02:03:04.5000000',
    '1.5h': '01:30:00',
    'long(null)': null,
    "'a\\'b'": "a'b",
    "@'c\\d'": 'c\\d',
    'dynamic({"a":[1,9007199254740993]})': { a: [1, big] },
    'dynamic({"a":[1,9007199254740993]}).a[1]': big,
    'tostring(1.5)': '1.5',
    'tostring(dynamic("a"))': 'a',
    'tolong("12")': 12,
    'tolong("x")': null,
    'toint(2147483648)': null,
    'toint(1.9)': 1,
    'toreal("1.5")': 1.5,
    'tobool("true")': true,
    'todatetime("2026-01-31")': '2026-01-31T00:00:00.0000000Z',
    'strlen("a😀")': 2,
    'strcat("a", 1, "b")': 'a1b',
    'toupper("ä")': 'Ä',
    'iff(1 == 1, "yes", "no")': 'yes',
    'coalesce(long(null), 5)': 5,
    'bin(17, 5)': 15,
    'bin(-1, 5)': -5,
    'bin(2.7, 0.5)': 2.5,
    'bin(datetime(2026-01-01 10:59:59), 1h)': '2026-01-01T10:00:00.0000000Z',
    'array_length(parse_json("[1,2]"))': 2,
    'isnull(long(null) == 1)': false,
    'isnull(long(null) == long(null))': true,
    'isnull(long(null) < 1)': true,
    'long(null) != 1': true,
    'isnull(not(long(null) < 1))': true,
    'isnull(long(null) < 1 and true)': true,
    'long(null) < 1 and false': false,
    'long(null) < 1 or true': true,
  }
  for (const [expression, expected] of Object.entries(cases)) {
    it(`gives ${inspect(expected)} for ${expression}`, () => {
      assert.deepEqual(print(expression), expected)
    })
  }

  it('reads the clock once a query', () => {
    assert.equal(print('now() == now()'), true)
    assert.match(String(print('now()')), /^20\d\d-/)
  })
})

describe('operators', () => {
  const cases: Readonly<Record<string, readonly unknown[]>> = {
    'T | count': [{ Count: 4 }],
    'T | where n > 100000 | count': [{ Count: 1 }],
    'T | take 1 | project n': [{ n: 1 }],
    'T | limit 0': [],
    'T | project n, s = log.status, n + 1 | take 1': [{ n: 1, s: 200, Column1: 2 }],
    'T | extend n = n * 10, m = n | project n, m | take 1': [{ n: 10, m: 1 }],
    'T | extend n + 1 | project Column1 | take 1': [{ Column1: 2 }],
    'T | project-away ts, r, b, log, i, span | take 1': [{ level: 'info', n: 1 }],
    'T | project-keep n, level | take 1': [{ level: 'info', n: 1 }],
    'T | project n, i | project-reorder i | take 1 | getschema | project ColumnName': [
      { ColumnName: 'i' },
      { ColumnName: 'n' },
    ],
    'T | order by n | project n': [{ n: big }, { n: 2 }, { n: 1 }, { n: null }],
    'T | sort by n asc | project n': [{ n: null }, { n: 1 }, { n: 2 }, { n: big }],
    'T | sort by n asc nulls last | take 1 | project n': [{ n: 1 }],
    'T | sort by tolower(level), n desc | project n': [{ n: 1 }, { n: 2 }, { n: null }, { n: big }],
    'T | top 2 by r | project r': [{ r: 1.5 }, { r: 0 }],
    'T | top 1 by r asc | project r': [{ r: null }],
    'T | distinct b': [{ b: true }, { b: false }, { b: null }],
    'T | project b | distinct *': [{ b: true }, { b: false }, { b: null }],
    'T | distinct tolower(level) | count': [{ Count: 3 }],
    'T | take 1 | project n | render timechart': [{ n: 1 }],
    'T | count | project Count + 1': [{ Column1: 5 }],
    '(T | take 2) | count': [{ Count: 2 }],
    'T | where n == 1 // a comment\n| project n;': [{ n: 1 }],
  }
  for (const [text, expected] of Object.entries(cases)) {
    it(`run ${text.replaceAll('\n', ' ')}`, () => {
      assert.deepEqual(query(text), expected)
    })
  }

  it('summarize by columns and expressions', () => {
    assert.deepEqual(
      query('T | summarize count(), sum(n), max(ts) by level = tolower(level) | order by level asc'),
      [
        { level: '', count_: 1, sum_n: big, max_ts: null },
        { level: 'error', count_: 2, sum_n: 2, max_ts: '2026-01-01T11:15:00.0000000Z' },
        { level: 'info', count_: 1, sum_n: 1, max_ts: '2026-01-01T10:15:00.0000000Z' },
      ],
    )
    assert.deepEqual(query('T | where isnotnull(ts) | summarize n = count() by bin(ts, 1h)'), [
      { ts: '2026-01-01T10:00:00.0000000Z', n: 2 },
      { ts: '2026-01-01T11:00:00.0000000Z', n: 1 },
    ])
    assert.deepEqual(query('T | summarize by b | count'), [{ Count: 3 }])
  })

  it('summarize with every aggregate, leaving nulls out', () => {
    const aggregates =
      'count(), c = countif(r > 0), sum(r), avg(i), min(r), max(n), dcount(level), dcountif(level, b), make_set(b), make_list(i)'
    assert.deepEqual(query(`T | summarize ${aggregates}, sumif(i, b), min(level)`), [
      {
        count_: 4,
        c: 1,
        sum_r: -0.5,
        avg_i: 2,
        min_r: -2,
        max_n: big,
        dcount_level: 4,
        dcountif_level: 2,
        set_b: [true, false],
        list_i: [1, 2, 3],
        sumif_i: 4,
        min_level: '',
      },
    ])
  })

  it('summarize nothing to one row without by, and to none with it', () => {
    const nothing = 'T | where false'
    assert.deepEqual(query(`${nothing} | summarize count(), sum(n), avg(n), min(n), make_set(n)`), [
      { count_: 0, sum_n: 0, avg_n: null, min_n: null, set_n: [] },
    ])
    assert.deepEqual(query(`${nothing} | summarize count() by level`), [])
  })

  it('query the output of a command', () => {
    assert.deepEqual(query('.show tables | where TableName == "T" | project TableName'), [{ TableName: 'T' }])
    assert.deepEqual(query('.show table T extents | count'), [{ Count: 1 }])
  })
})

describe('what the local Kusto does not know', () => {
  const refused = [
    'T | join (T) on n',
    'T | union T',
    'T | mv-expand log',
    'T | parse level with a:string "x"',
    'T | summarize percentile(n, 50)',
    'T | summarize arg_max(ts, *)',
    'T | where level matches regex "x"',
    'T | where * has "x"',
    'T | where level has_any ("a")',
    'let x = 1; T | where n == x',
    'T | where level == 1',
    'T | where log.status == "200"',
    'T | where log.tags == "x"',
    'T | where n has "1"',
    'T | extend substring(level, 1)',
    'T | sort by log.status',
    'T | project x = -7 % 3',
    'T | count as x',
    'T | take 1 | as X',
    'database("x").T | count',
    'union T, T',
    'print decimal(1) < decimal(2)',
    'T | where n in ((T | project n))',
    'T | summarize hint.strategy=shuffle count() by level',
  ]
  for (const text of refused) {
    it(`is refused: ${text}`, () => {
      assert.throws(
        () => query(text),
        (error) => error instanceof KustoError && error.httpStatus === 400 && error.message.length > 20,
      )
    })
  }

  it('is named in the error', () => {
    assert.throws(() => query('T | join (T) on n'), /the operator 'join'/)
    assert.throws(() => query('T | extend substring(level, 1)'), /the function 'substring\(\)'/)
    assert.throws(() => query('T | summarize percentile(n, 50)'), /the aggregate 'percentile\(\)'/)
  })
})
