import { expect, it } from 'vitest';
import { docPage, guardedPage, withoutOuterPictures } from '../../ts-src/render/doc-shell.ts';

const frame = { title: 't', organization: 'acme', root: '', crumbs: [], kind: 'index' };

it("a package's page has the content security policy before any of its content", () => {
  const hostile =
    '<!-- <head> --><img src="https://tracker.example.org/x.gif"><html><head><title>x</title></head></html>';
  for (const html of [hostile, `<!doctype html>\n${hostile}`, `\n${hostile}`]) {
    const page = guardedPage(html);
    const [before = ''] = page.split('<!-- <head> -->');
    expect(before).toMatch(
      /^\s*<!doctype html>\s*<meta http-equiv="Content-Security-Policy" content="default-src 'self'/i,
    );
  }
  // A page that has the frame already gets no second one.
  const own = docPage({ ...frame, body: '<p>x</p>' });
  expect(guardedPage(own)).toBe(own);
  expect(own.match(/Content-Security-Policy/g)).toHaveLength(1);
});

it('the policy stays the first of a page whatever characters are before it or between the words of the frame', () => {
  const own = docPage({ ...frame, body: '<p>x</p>' });
  const tag = /<meta http-equiv="Content-Security-Policy"[^>]*>/.exec(own)?.[0] ?? 'none';
  const first = `<!DOCTYPE html>${tag}`;
  for (const blank of ['\u00a0', '\v', '\u2028', '\u3000', '\ufeff']) {
    expect(guardedPage(own.replace('html>\n', `html>${blank}`)).indexOf(tag), blank).toBe('<!DOCTYPE html>'.length);
    expect(guardedPage(own.replace('<meta http', `<meta${blank}http`)).startsWith(first), blank).toBe(true);
    // A byte order mark is one only at the very beginning.
    const more = blank === '\ufeff' ? blank : '';
    const page = guardedPage(`${more}${blank}<!DOCTYPE html><p>x</p>`);
    expect(page.startsWith(more + first), blank).toBe(true);
  }
  expect(guardedPage('\ufeff\n<!doctype html><p>x</p>')).toBe(`\ufeff\n<!doctype html>${tag}<p>x</p>`);
  expect(guardedPage(`\ufeff${own}`)).toBe(`\ufeff${own}`);
  const folded = own.replace('html>\n', 'html>\r\n\t ');
  expect(guardedPage(folded)).toBe(folded);
});

it('a picture from another host is replaced by its text; one of the site stays', () => {
  const shown = (html: string) => guardedPage(docPage({ ...frame, body: html })).split('tabindex="-1">')[1] ?? '';
  const badge = shown(
    '<a href="https://ci.example.org"><img alt="build: &lt;ok&gt;" src="https://b.example.org/a.svg"></a>',
  );
  expect(badge).toContain(
    '<a href="https://ci.example.org"><span class="elsewhere" title="https://b.example.org/a.svg">build: &lt;ok&gt;</span></a>',
  );
  for (const src of ['"//b.example.org/a.svg"', "'HTTP://b.example.org/a.svg'", 'ftp://b.example.org/a'])
    expect(shown(`<IMG src=${src} alt='"x" onload=y'>`)).toMatch(
      /<span class="elsewhere" title="[^"]*">&quot;x&quot; onload=y<\/span>/,
    );
  expect(shown('<img src="files/a.png" alt="a">')).toContain('<img src="files/a.png" alt="a">');
  expect(shown('<img src="data:image/png;base64,AAAA">')).toContain('<img src="data:');
});

it('searching for pictures takes linear time, even with unclosed tags', () => {
  const before = process.cpuUsage().user;
  const text = '<img '.repeat(200_000);
  expect(withoutOuterPictures(text)).toBe(text);
  expect(process.cpuUsage().user - before).toBeLessThan(5e6);
});
