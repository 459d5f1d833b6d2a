import { typeOfField } from '../inspect/messages.ts';
import type { DocField, DocMessage } from '../model/docs.ts';
import { docPage } from '../render/doc-shell.ts';
import { escape, packageFrame } from './landing.ts';
import { messagePage, type DocPackage, type DocSite } from './package-info.ts';

/** Pages of message types: `DISTRIBUTION/PACKAGE/NAME` → path below the package's folder. */
export type MessageIndex = ReadonlyMap<string, string>;

export function messageIndex(packages: readonly DocPackage[]): MessageIndex {
  const index = new Map<string, string>();
  for (const p of packages)
    for (const { kind, name } of p.facts?.messages ?? []) {
      index.set(`${p.distribution}/${p.name}/${name}`, messagePage(kind, name));
      // The messages that ROS 1 generates from an action are on the action's page.
      if (kind === 'action')
        for (const end of ['Action', 'ActionGoal', 'ActionResult', 'ActionFeedback', 'Goal', 'Result', 'Feedback'])
          if (!index.has(`${p.distribution}/${p.name}/${name}${end}`))
            index.set(`${p.distribution}/${p.name}/${name}${end}`, messagePage(kind, name));
    }
  return index;
}

/** A type as written, linked if the site has its page. `up`: path from the page to its distribution. */
function typeLink(type: string, p: DocPackage, index: MessageIndex, up: string): string {
  const found = typeOfField(type);
  const of = found?.package ?? p.name;
  const page = found && index.get(`${p.distribution}/${of}/${found.name}`);
  return page === undefined ? escape(type) : `<a href="${up}${escape(of)}/${escape(page)}">${escape(type)}</a>`;
}

const titles = { msg: 'Message', srv: 'Service', action: 'Action' } as const;

export function messageDocument(site: DocSite, p: DocPackage, m: DocMessage, index: MessageIndex): string {
  const frame = packageFrame(site, p, 'messages', 1);
  const row = (f: DocField, part: string) => {
    const id = `${part ? `${part.toLowerCase()}.` : ''}${f.name}`;
    const value = f.value === undefined ? '' : ` = ${f.value}`;
    const name = `<a href="#${escape(id)}">${escape(f.name)}</a>${escape(value)}`;
    const cells = `<td>${typeLink(f.type, p, index, '../../')}</td><td>${name}</td>`;
    return `<tr id="${escape(id)}">${cells}<td class="comment">${escape(f.comment)}</td></tr>`;
  };
  const table = (fields: readonly DocField[], title: string, part: string) =>
    fields.length
      ? `<${part ? 'h3' : 'h2'}>${title}</${part ? 'h3' : 'h2'}><div class="scroll" tabindex="0" role="region" aria-label="${part ? `${part} ` : ''}${title}"><table class="fields"><thead><tr><th scope="col">Type</th><th scope="col">Name</th><th scope="col">Meaning</th></tr></thead><tbody>${fields.map((f) => row(f, part)).join('')}</tbody></table></div>`
      : '';
  const parts = m.parts.map(({ title, fields }) => {
    const plain = fields.filter((f) => !f.constant);
    const constants = fields.filter((f) => f.constant);
    return `${title ? `<h2>${escape(title)}</h2>` : ''}${table(plain, 'Fields', escape(title))}${table(constants, 'Constants', escape(title))}${fields.length ? '' : '<p>It has no fields.</p>'}`;
  });
  const users = usersOf(p, m.name, site.packages);
  const usedBy = users.map(
    (u) =>
      `<li><a href="../../${escape(u.package)}/${escape(u.page)}"><code>${escape(u.package)}/${escape(u.name)}</code></a></li>`,
  );
  const body = `<h1><span class="kind">${titles[m.kind]}</span> ${escape(p.name)}/${escape(m.name)}</h1>
${m.comment ? `<p class="lead" style="white-space:pre-line">${escape(m.comment)}</p>` : ''}
${parts.join('\n')}
${usedBy.length ? `<h2>Used by</h2><ul class="names">${usedBy.join('')}</ul>` : ''}
<h2>Definition</h2>
<pre tabindex="0">${escape(m.text.trimEnd())}</pre>`;
  return docPage({
    ...frame,
    crumbs: [...frame.crumbs, { text: `${m.kind}/${m.name}` }],
    title: `${escape(p.name)}/${escape(m.name)}`,
    kind: 'message',
    body,
  });
}

/** By type: messages of a distribution with a field of that type. */
type Users = Map<string, { package: string; name: string; page: string }[]>;
const users = new WeakMap<readonly DocPackage[], Users>();

function usersOf(
  p: DocPackage,
  name: string,
  packages: readonly DocPackage[],
): { package: string; name: string; page: string }[] {
  let known = users.get(packages);
  if (!known) {
    users.set(packages, (known = new Map()));
    for (const q of packages)
      for (const m of q.facts?.messages ?? []) {
        const types = new Set<string>();
        for (const f of m.parts.flatMap((part) => part.fields)) {
          const type = typeOfField(f.type);
          if (type) types.add(`${q.distribution}/${type.package ?? q.name}/${type.name}`);
        }
        for (const type of types) {
          const list = known.get(type) ?? [];
          list.push({ package: q.name, name: m.name, page: messagePage(m.kind, m.name) });
          known.set(type, list);
        }
      }
  }
  return known.get(`${p.distribution}/${p.name}/${name}`) ?? [];
}

const briefly = (comment: string): string =>
  comment ? `<p>${escape(comment.split('\n').slice(0, 2).join(' ').slice(0, 200))}</p>` : '';

/** All messages of a package, by kind. */
export function messagesPage(site: DocSite, p: DocPackage): string {
  const kinds = [
    ['msg', 'Messages'],
    ['srv', 'Services'],
    ['action', 'Actions'],
  ] as const;
  const sections = kinds.flatMap(([kind, title]) => {
    const own = p.facts?.messages.filter((m) => m.kind === kind) ?? [];
    if (!own.length) return [];
    const items = own.map(
      (m) =>
        `<li><a href="${messagePage(m.kind, m.name)}"><code>${escape(m.name)}</code></a>${briefly(m.comment)}</li>`,
    );
    return [
      `<section><h2>${title} <span class="count">${own.length}</span></h2><ul class="entries">${items.join('\n')}</ul></section>`,
    ];
  });
  return docPage({
    ...packageFrame(site, p, 'messages'),
    title: `Messages of ${escape(p.name)}`,
    kind: 'messages',
    body: `<h1>Messages of ${escape(p.name)}</h1>${sections.join('\n')}`,
  });
}
