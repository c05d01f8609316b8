/*
 * Parses, binds and runs Kusto queries offline. Reads {"schemas": {table: "(column: type, ...)"}, "now": milliseconds,
 * "jobs": [{"text": query, "tables": {table: [row, ...]}}]} from standard input and writes one result per job:
 * what the Kusto language service says of the query, its columns, the paths that it reads of `Report`, and, where
 * tables are given, its rows.
 *
 * The language service is the judge of syntax and names. The evaluator below runs the tree that it built; it knows
 * only what this project's queries use, and refuses everything else instead of guessing.
 */
'use strict';

require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const kusto = globalThis.Kusto.Language;

const kind = (node) => globalThis.Bridge.Reflection.getTypeName(node.constructor).split('.').pop();
const text = (node) => node.ToString(kusto.Syntax.IncludeTrivia.Interior).trim();
const elements = (list) => {
  const found = [];
  for (let i = 0; i < list.ChildCount; i += 1) found.push(list.GetChild(i).GetChild(0));
  return found;
};

// ---- Values: null is missing; date-times and time spans are milliseconds ----

const isNull = (value) => value === null || value === undefined;
const isObject = (value) => !isNull(value) && typeof value === 'object' && !Array.isArray(value);
const asString = (value) => (isNull(value) ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));
const asNumber = (value) => {
  if (isNull(value) || typeof value === 'object') return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  const number = Number(value);
  return value === '' || Number.isNaN(number) ? null : number;
};
const SPANS = { d: 86400000, h: 3600000, m: 60000, s: 1000, ms: 1 };

function literal(node) {
  const source = text(node);
  if (/^'.*'$/s.test(source) || /^".*"$/s.test(source)) return source.slice(1, -1);
  if (/^\d+(\.\d+)?$/.test(source)) return Number(source);
  if (source === 'true' || source === 'false') return source === 'true';
  if (/^\w+\(null\)$/.test(source)) return null;
  const span = /^(\d+)(d|h|ms|m|s)$/.exec(source);
  if (span) return Number(span[1]) * SPANS[span[2]];
  throw new Error(`literal ${source} is not known here`);
}

const TERM = (value) => value.toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
// Kusto's rules for missing values: equality with one of them is false, inequality true, and all else is missing.
const compare = (test) => (a, b) => (isNull(a) || isNull(b) ? null : test(a, b));
const equality = (wanted) => (a, b) => (isNull(a) && isNull(b) ? null : (a === b) === wanted);
const OPERATORS = {
  '==': equality(true),
  '!=': equality(false),
  '>': compare((a, b) => a > b),
  '<': compare((a, b) => a < b),
  '>=': compare((a, b) => a >= b),
  '<=': compare((a, b) => a <= b),
  '+': (a, b) => (isNull(a) || isNull(b) ? null : a + b),
  '-': (a, b) => (isNull(a) || isNull(b) ? null : a - b),
  '/': compare((a, b) => a / b),
  and: (a, b) => (a === false || b === false ? false : isNull(a) || isNull(b) ? null : true),
  or: (a, b) => (a === true || b === true ? true : isNull(a) || isNull(b) ? null : false),
  startswith_cs: compare((a, b) => a.startsWith(b)),
  has: compare((a, b) => new RegExp(`(^|[^a-z0-9])${TERM(b)}($|[^a-z0-9])`).test(a.toLowerCase())),
};

const functions = (now) => ({
  ago: (span) => now - span,
  bag_keys: (value) => (isObject(value) ? Object.keys(value) : null),
  bin: (value, size) => (isNull(value) ? null : Math.floor(value / size) * size),
  coalesce: (...values) => values.find((value) => !isNull(value)) ?? null,
  extract: (pattern, group, value) => new RegExp(pattern).exec(value)?.[group] ?? '',
  iff: (condition, yes, no) => (condition === true ? yes : no),
  indexof: (value, part) => value.indexOf(part),
  isnotempty: (value) => asString(value) !== '',
  isnotnull: (value) => !isNull(value),
  not: (value) => (isNull(value) ? null : !value),
  parse_json: (value) => {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  },
  substring: (value, start) => value.slice(start),
  todatetime: (value) => (Number.isNaN(Date.parse(value)) ? null : Date.parse(value)),
  todouble: asNumber,
  toint: (value) => (asNumber(value) === null ? null : Math.trunc(asNumber(value))),
  tostring: asString,
});

const known = (values) => values.filter((value) => !isNull(value));
const AGGREGATES = {
  count: (rows) => rows.length,
  countif: (rows, evaluate) => rows.filter((row) => evaluate(row) === true).length,
  dcount: (rows, evaluate) => new Set(known(rows.map(evaluate))).size,
  max: (rows, evaluate) => known(rows.map(evaluate)).reduce((a, b) => (a === null || b > a ? b : a), null),
  min: (rows, evaluate) => known(rows.map(evaluate)).reduce((a, b) => (a === null || b < a ? b : a), null),
  sum: (rows, evaluate) => known(rows.map(evaluate)).reduce((a, b) => a + b, 0),
};

class Evaluator {
  constructor(tables, now) {
    this.tables = tables;
    this.functions = functions(now);
  }

  // ---- Scalars ----

  scalar(node, row) {
    switch (kind(node)) {
      case 'DynamicExpression':
        if (text(node) !== 'dynamic(null)') throw new Error(`${text(node)} is not known here`);
        return null;
      case 'LiteralExpression':
        return literal(node);
      case 'NameReference':
        if (!(text(node) in row)) throw new Error(`no column ${text(node)}`);
        return row[text(node)];
      case 'ParenthesizedExpression':
        return this.scalar(node.Expression, row);
      case 'PathExpression': {
        const value = this.scalar(node.Expression, row);
        return isObject(value) ? (value[text(node.Selector)] ?? null) : null;
      }
      case 'ElementExpression': {
        const value = this.scalar(node.Expression, row);
        const key = this.scalar(node.Selector.Expression, row);
        return isObject(value) ? (value[key] ?? null) : null;
      }
      case 'BinaryExpression': {
        const operator = OPERATORS[text(node.Operator)];
        if (!operator) throw new Error(`operator ${text(node.Operator)} is not known here`);
        return operator(this.scalar(node.Left, row), this.scalar(node.Right, row));
      }
      case 'InExpression': {
        const found = elements(node.Right.Expressions).some((item) => this.scalar(item, row) === this.scalar(node.Left, row));
        return text(node.Operator) === 'in' ? found : !found;
      }
      case 'FunctionCallExpression': {
        const call = this.functions[text(node.Name)];
        if (!call) throw new Error(`function ${text(node.Name)} is not known here`);
        return call(...elements(node.ArgumentList.Expressions).map((item) => this.scalar(item, row)));
      }
      default:
        throw new Error(`${kind(node)} is not known here: ${text(node)}`);
    }
  }

  /** [name, expression] of `Name = expression` or of a bare column. */
  named(node) {
    if (kind(node) === 'SimpleNamedExpression') return [text(node.Name), node.Expression];
    if (kind(node) === 'NameReference') return [text(node), node];
    throw new Error(`name this column: ${text(node)}`);
  }

  // ---- Tables ----

  table(node) {
    switch (kind(node)) {
      case 'NameReference':
        if (!(text(node) in this.tables)) throw new Error(`Failed to resolve table ${text(node)}`);
        return this.tables[text(node)].map((row) => ({ ...row }));
      case 'ParenthesizedExpression':
        return this.table(node.Expression);
      case 'UnionOperator':
        return this.union(node);
      case 'DataTableExpression':
        if (elements(node.Values).length > 0) throw new Error('a datatable with rows is not known here');
        return [];
      case 'PipeExpression':
        break;
      default:
        throw new Error(`${kind(node)} is not known here`);
    }
    const rows = this.table(node.Expression);
    const operator = node.Operator;
    const run = this[kind(operator)];
    if (!run) throw new Error(`${kind(operator)} is not known here`);
    return run.call(this, rows, operator);
  }

  /** A fuzzy union leaves out the tables that are not there; a column that a table lacks is empty. */
  union(node) {
    const fuzzy = /^union\s+isfuzzy\s*=\s*true\b/.test(text(node));
    const there = elements(node.Expressions).filter((item) => !fuzzy || kind(item) !== 'NameReference' || text(item) in this.tables);
    if (there.length === 0) throw new Error('Failed to resolve any table of the union');
    const empty = Object.fromEntries(columnsOf(node.ResultType).map(({ name, type }) => [name, type === 'string' ? '' : null]));
    return there.flatMap((item) => this.table(item)).map((row) => ({ ...empty, ...row }));
  }

  CountOperator(rows) {
    return [{ Count: rows.length }];
  }

  FilterOperator(rows, operator) {
    return rows.filter((row) => this.scalar(operator.Condition, row) === true);
  }

  ExtendOperator(rows, operator) {
    return rows.map((row) => {
      const wide = { ...row };
      for (const item of elements(operator.Expressions)) {
        const [name, expression] = this.named(item);
        wide[name] = this.scalar(expression, wide);
      }
      return wide;
    });
  }

  ProjectOperator(rows, operator) {
    const columns = elements(operator.Expressions).map((item) => this.named(item));
    return rows.map((row) => Object.fromEntries(columns.map(([name, item]) => [name, this.scalar(item, row)])));
  }

  SummarizeOperator(rows, operator) {
    const by = operator.ByClause ? elements(operator.ByClause.Expressions).map((item) => this.named(item)) : [];
    const groups = new Map();
    if (by.length === 0) groups.set('', [{}, rows]);
    for (const row of by.length === 0 ? [] : rows) {
      const key = Object.fromEntries(by.map(([name, item]) => [name, this.scalar(item, row)]));
      const id = JSON.stringify(key);
      if (!groups.has(id)) groups.set(id, [key, []]);
      groups.get(id)[1].push(row);
    }
    const aggregates = elements(operator.Aggregates);
    return [...groups.values()].map(([key, members]) => Object.assign({}, key, ...aggregates.map((item) => this.aggregate(item, members))));
  }

  aggregate(item, rows) {
    const call = kind(item) === 'SimpleNamedExpression' ? item.Expression : item;
    const name = text(call.Name);
    const args = elements(call.ArgumentList.Expressions);
    if (name === 'arg_max') {
      const sorted = rows.filter((row) => !isNull(this.scalar(args[0], row)));
      const best = sorted.reduce((a, b) => (a === null || this.scalar(args[0], b) > this.scalar(args[0], a) ? b : a), null);
      return Object.fromEntries(args.map((arg) => [text(arg), best === null ? null : this.scalar(arg, best)]));
    }
    const aggregate = AGGREGATES[name];
    if (!aggregate) throw new Error(`aggregate ${name} is not known here`);
    return { [this.named(item)[0]]: aggregate(rows, (row) => this.scalar(args[0], row)) };
  }

  MvExpandOperator(rows, operator) {
    const [name, expression] = this.named(elements(operator.Expressions)[0].Expression);
    return rows.flatMap((row) => {
      const values = this.scalar(expression, row);
      return (Array.isArray(values) && values.length > 0 ? values : [null]).map((value) => ({ ...row, [name]: value }));
    });
  }

  SortOperator(rows, operator) {
    const items = elements(operator.Expressions);
    if (items.length !== 1) throw new Error('sort by one column');
    return this.sorted(rows, items[0]);
  }

  TopOperator(rows, operator) {
    return this.sorted(rows, operator.ByExpression).slice(0, literal(operator.Expression));
  }

  sorted(rows, item) {
    if (kind(item) !== 'OrderedExpression') throw new Error('say asc or desc');
    const sign = text(item.Ordering) === 'desc' ? -1 : 1;
    const order = (a, b) => (a < b ? -1 : Number(a > b));
    return [...rows].sort((a, b) => sign * order(this.scalar(item.Expression, a), this.scalar(item.Expression, b)));
  }
}

// ---- What a query reads of the report ----

function reportPaths(root) {
  const found = new Set();
  const visit = (node, inside) => {
    let within = inside;
    if (kind(node) === 'PathExpression' && !inside) {
      const source = text(node);
      if (source.startsWith('Report.')) found.add(source.slice('Report.'.length));
      within = true;
    }
    for (let i = 0; i < node.ChildCount; i += 1) if (node.GetChild(i)) visit(node.GetChild(i), within);
  };
  visit(root, false);
  return [...found].sort();
}

function columnsOf(type) {
  const columns = [];
  for (let i = 0; type && type.Columns && i < type.Columns.Count; i += 1) {
    const column = type.Columns.getItem(i);
    columns.push({ name: column.Name, type: column.Type.Name });
  }
  return columns;
}

const analyzed = new Map();

function answer(job, globals, now) {
  if (!analyzed.has(job.text)) analyzed.set(job.text, kusto.KustoCode.ParseAndAnalyze(job.text, globals));
  const code = analyzed.get(job.text);
  const diagnostics = [];
  const all = code.GetDiagnostics();
  for (let i = 0; i < all.Count; i += 1) diagnostics.push(`${all.getItem(i).Severity}: ${all.getItem(i).Message}`);
  const result = { diagnostics, columns: columnsOf(code.ResultType), paths: reportPaths(code.Syntax) };
  if (job.tables && !diagnostics.some((item) => item.startsWith('Error'))) {
    const statement = elements(code.Syntax.Statements)[0];
    try {
      result.rows = new Evaluator(job.tables, now).table(statement.Expression);
    } catch (error) {
      result.refused = error.message;
    }
  }
  return result;
}

const request = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const tables = Object.entries(request.schemas).map(([name, schema]) => new kusto.Symbols.TableSymbol.$ctor7(name, schema, ''));
const globals = kusto.GlobalState.Default.WithDatabase(new kusto.Symbols.DatabaseSymbol.ctor('workspace', tables));
process.stdout.write(JSON.stringify(request.jobs.map((job) => answer(job, globals, request.now))));
