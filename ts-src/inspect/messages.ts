import type { DocField, DocMessage, InterfaceKind } from '../model/docs.ts';

const titles: Record<InterfaceKind, readonly string[]> = {
  msg: [''],
  srv: ['Request', 'Response'],
  action: ['Goal', 'Result', 'Feedback'],
};

/** `type NAME=value`; the type may have a bound. */
const constantLine = /^([A-Za-z][A-Za-z0-9_/]*(?:<=\d+)?(?:\[\S*\])?)\s+([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*)$/;
const fieldLine = /^([A-Za-z][A-Za-z0-9_/]*(?:<=\d+)?(?:\[(?:<=)?\d*\])?)\s+([A-Za-z][A-Za-z0-9_]*)(?:\s+(.*))?$/;

/**
 * Parses a definition of a message, service or action (ROS 1 and 2). Comments before or behind a field belong to it;
 * comments at the top, followed by an empty line, belong to the whole. Other lines are in `text` only.
 */
export function parseMessage(kind: InterfaceKind, name: string, text: string): DocMessage {
  const parts: DocMessage['parts'] = titles[kind].map((title) => ({ title, fields: [] }));
  let at = 0;
  let pending: string[] = [];
  let comment = '';
  for (const whole of text.split(/\r?\n/)) {
    const line = whole.trim();
    if (/^---+$/.test(line) && at + 1 < parts.length) {
      at++;
      pending = [];
    } else if (line.startsWith('#')) pending.push(line.replace(/^#+ ?/, ''));
    else if (line === '') {
      if (at === 0 && !parts[0]?.fields.length && pending.length) comment = [comment, ...pending].join('\n').trim();
      pending = [];
    } else {
      const field = fieldOf(line);
      if (field) parts[at]?.fields.push({ ...field, comment: [...pending, field.comment].join('\n').trim() });
      pending = [];
    }
  }
  return { kind, name, comment, parts, text };
}

function fieldOf(line: string): DocField | undefined {
  const constant = constantLine.exec(line);
  if (constant) {
    const [, type = '', name = '', rest = ''] = constant;
    // In ROS 1 a string's value is the rest of the line; in ROS 2 it is quoted.
    const whole = /^w?string/.test(type) && !/^['"]/.test(rest);
    const [value, comment] = whole ? [rest.trim(), ''] : splitComment(rest);
    return { type, name, value, constant: true, comment };
  }
  const [definition, comment] = splitComment(line);
  const field = fieldLine.exec(definition);
  if (!field) return undefined;
  const [, type = '', name = '', value] = field;
  return { type, name, constant: false, comment, ...(value === undefined ? {} : { value }) };
}

/** A `#` inside quotes does not begin a comment. */
function splitComment(text: string): [string, string] {
  const found = /^((?:[^#'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*)#(.*)$/.exec(text);
  return found ? [(found[1] ?? '').trim(), (found[2] ?? '').replace(/^#* ?/, '').trim()] : [text.trim(), ''];
}

/** The type of a field without bounds, for a link: package (undefined: the message's own) and name. */
export function typeOfField(type: string): { package?: string; name: string } | undefined {
  const plain = type.replace(/\[.*$/, '').replace(/<=.*$/, '');
  if (plain === 'Header') return { package: 'std_msgs', name: 'Header' };
  const parts = plain.split('/');
  const name = parts.at(-1) ?? '';
  if (!/^[A-Z]/.test(name)) return undefined;
  return parts.length > 1 ? { package: parts[0] ?? '', name } : { name };
}
