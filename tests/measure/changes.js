// Lists small changes that can be made to a C file: replace an operator, move a bound by one, drop a condition, leave out
// a statement, end a loop after its first round. Clang's syntax tree says where they are possible, so no change is made
// inside a comment, a type, or a macro's expansion. Asserts are not changed: without them the program is the same.
//
// A change is { line, at, end, text, within, source, what }: bytes at..end become text; within is the function, source the
// line, and what describes the change in a word or two. None of these three contains a position, so that they still
// identify the change after edits elsewhere.

const TURNED = {
  '<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'], '==': ['!='], '!=': ['=='],
  '&&': ['||'], '||': ['&&'], '+': ['-'], '-': ['+'], '*': ['/'], '/': ['*'], '%': ['*'],
  '&': ['|'], '|': ['&'], '^': ['|'], '<<': ['>>'], '>>': ['<<'],
  '+=': ['-='], '-=': ['+='], '*=': ['+='], '/=': ['*='], '%=': ['/='], '|=': ['&='], '&=': ['|='], '^=': ['|='],
  '<<=': ['>>='], '>>=': ['<<='], '++': ['--'], '--': ['++'],
};
const COMPARES = new Set(['<', '<=', '>', '>=', '==', '!=']);
const LOOPS = new Set(['ForStmt', 'WhileStmt', 'DoStmt']);
const FREES = /^(free|json_decref|grow_free|[A-Z][A-Z0-9]*(_[A-Z]+)*_free)\(/;
const ALLOCATES = /^[cm]alloc\(/;
const ASSERTS = /^assert_/; // functions that only assert
const CHOICES = new Set(['IfStmt', 'ConditionalOperator']);
const JUMPS = new Set(['BreakStmt', 'ContinueStmt']);

/** All changes that can be made to a file, given its bytes as latin1 text and clang's tree of it. */
export function changesOf(text, tree) {
  const found = new Map();
  let within = '';
  let allocates = false;

  const isOwn = (place) => place?.offset !== undefined && place.includedFrom === undefined;
  const startOf = (node) => (isOwn(node.range?.begin) ? node.range.begin.offset : undefined);
  const endOf = (node) => (isOwn(node.range?.end) ? node.range.end.offset + node.range.end.tokLen : undefined);
  const isWhole = (node) => startOf(node) !== undefined && endOf(node) !== undefined;
  const textOf = (node) => text.slice(startOf(node), endOf(node));
  const short = (code) => {
    const line = code.replace(/\s+/g, ' ').trim();
    return line.length > 60 ? `${line.slice(0, 57)}...` : line;
  };

  function add(at, end, to, what) {
    const start = text.lastIndexOf('\n', at - 1) + 1;
    const line = text.slice(0, at).split('\n').length;
    const source = text.slice(start, (text.indexOf('\n', at) + text.length + 1) % (text.length + 1)).trim();
    const key = `${at} ${end} ${to}`;
    if (!found.has(key)) found.set(key, { line, at, end, text: to, within, source, what });
  }
  const swap = (node, to, what) => add(startOf(node), endOf(node), to, what ?? `${short(textOf(node))} -> ${short(to)}`);

  function turnBinary(node) {
    const [left, right] = node.inner;
    if (!isWhole(left) || !isWhole(right)) return;
    const at = text.indexOf(node.opcode, endOf(left));
    if (at < 0 || at >= startOf(right)) return;
    const isLogic = node.opcode === '&&' || node.opcode === '||';
    for (const to of TURNED[node.opcode] ?? []) {
      const after = `${textOf(left)} ${to} ${textOf(right)}`;
      const what = `${short(textOf(node))} -> ${short(after)}`;
      if (isLogic) swap(node, `(${text.slice(startOf(node), at)}${to}${text.slice(at + 2, endOf(node))})`, what); // otherwise && would take its neighbour
      else add(at, at + node.opcode.length, to, what);
    }
    if (isLogic) {
      swap(node, `(${textOf(left)})`, `${node.opcode} ${short(textOf(right))} dropped`);
      swap(node, `(${textOf(right)})`, `${short(textOf(left))} ${node.opcode} dropped`);
    }
  }

  function turnUnary(node, isStep) {
    const at = node.isPostfix ? endOf(node) - node.opcode.length : startOf(node);
    const what = short(textOf(node));
    if (node.opcode === '!' || node.opcode === '-' || node.opcode === '~')
      add(at, at + 1, '', `${what} without ${node.opcode}`);
    for (const to of (!isStep && node.opcode.length === 2 && TURNED[node.opcode]) || []) add(at, at + 2, to, `${what} -> ${to}`);
  }

  function turnCondition(cond, isLoop) {
    if (cond === undefined || !isWhole(cond)) return;
    const simple = COMPARES.has(cond.opcode) || cond.opcode === '!';
    if (!simple) swap(cond, `!(${textOf(cond)})`);
    if (!isLoop) swap(cond, '1', `${short(textOf(cond))} taken as true`);
    swap(cond, '0', `${short(textOf(cond))} taken as false`);
  }

  function endLoop(node) {
    const body = node.kind === 'DoStmt' ? node.inner[0] : node.inner.at(-1);
    if (!isWhole(body) || startOf(node) === undefined) return;
    const start = startOf(body);
    let end = endOf(body);
    if (text[end - 1] !== '}') end = text.indexOf(';', end - 1) + 1;
    const header = text.slice(startOf(node), start);
    add(start, end, `{ ${text.slice(start, end)} break; }`, `${short(header)} ends after the first`);
  }

  function turnNumber(node) {
    const place = node.range.begin;
    if (place.expansionLoc !== undefined) {
      const { offset, tokLen } = place.expansionLoc;
      const word = text.slice(offset, offset + tokLen);
      if (word === 'true' || word === 'false') add(offset, offset + tokLen, word === 'true' ? 'false' : 'true', `${word} turned`);
      return;
    }
    if (!isWhole(node)) return;
    const code = textOf(node);
    const single = /f$/i.test(code) ? 'F' : '';
    if (node.kind === 'FloatingLiteral') swap(node, Number(node.value) === 0 ? `1.0${single}` : `(${code} * 1.5${single})`);
    else {
      if (!allocates) swap(node, `(${code} + 1)`); // more memory does not change the program
      if (node.value !== '0') swap(node, `(${code} - 1)`);
    }
  }

  function turnReturn(node, type) {
    const [value] = node.inner ?? [];
    if (value === undefined || !isWhole(value)) return;
    const code = textOf(value);
    if (type === '_Bool') swap(value, `!(${code})`);
    else if (type.includes('*')) swap(value, '0', `${short(code)} -> NULL`);
    else if (!type.startsWith('struct ') && !/^-?\d+$/.test(code)) swap(value, `(${code}) + 1`);
  }

  const isDeed = (node) => node.kind === 'CallExpr' || node.kind === 'CompoundAssignOperator' ||
    (node.kind === 'BinaryOperator' && node.opcode === '=') || (node.kind === 'UnaryOperator' && node.opcode.length === 2) ||
    JUMPS.has(node.kind);

  // Frees are never left out, nor are OpenSSL's and jansson's: only the address sanitizer notices a leak, and these
  // programs are built without it.
  function leaveOut(parent, node) {
    const isStatement = parent.kind === 'CompoundStmt' || parent.kind === 'CaseStmt' ||
      ((parent.kind === 'IfStmt' || LOOPS.has(parent.kind)) && node !== conditionOf(parent) && parent.inner.indexOf(node) > 0);
    const isStep = parent.kind === 'ForStmt' && node !== parent.inner.at(-1);
    if (isStatement && !isStep && isDeed(node) && isWhole(node) && !FREES.test(textOf(node)) && !ASSERTS.test(textOf(node)))
      swap(node, '(void)0', `${short(textOf(node))} left out`);
  }

  function conditionOf(node) {
    if (node.kind === 'ForStmt') return node.inner[2]?.kind === undefined ? undefined : node.inner[2];
    return node.kind === 'DoStmt' ? node.inner[1] : node.inner[0];
  }

  // `isStep`: the step of a for loop is not reversed, since the loop would never end, which takes long and shows little.
  function walk(node, type, isStep = false) {
    if (node.kind === 'BinaryOperator' || node.kind === 'CompoundAssignOperator') turnBinary(node);
    else if (node.kind === 'UnaryOperator' && isWhole(node)) turnUnary(node, isStep);
    else if (node.kind === 'IntegerLiteral' || node.kind === 'FloatingLiteral') turnNumber(node);
    else if (node.kind === 'ReturnStmt' && type !== undefined) turnReturn(node, type);
    if (CHOICES.has(node.kind)) turnCondition(conditionOf(node), false);
    if (LOOPS.has(node.kind)) {
      turnCondition(conditionOf(node), true);
      endLoop(node);
    }
    const allocated = allocates;
    allocates ||= node.kind === 'CallExpr' && isWhole(node) && ALLOCATES.test(textOf(node));
    for (const inner of node.inner ?? []) {
      if (inner.kind === undefined) continue;
      leaveOut(node, inner);
      walk(inner, type, node.kind === 'ForStmt' && inner === node.inner[3]);
    }
    allocates = allocated;
  }

  for (const node of tree.inner) {
    if (!isOwn(node.loc) || !['FunctionDecl', 'VarDecl', 'EnumDecl'].includes(node.kind)) continue;
    within = node.name ?? 'enum';
    if (ASSERTS.test(within)) continue;
    walk(node, node.kind === 'FunctionDecl' ? node.type.qualType.replace(/ \(.*/, '') : undefined);
  }
  return [...found.values()].sort((a, b) => a.at - b.at || a.end - b.end || (a.text < b.text ? -1 : 1));
}
