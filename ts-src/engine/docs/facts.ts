import { append } from '../../model/lists.ts';
import { unescapeXml, withoutTags } from '../../text/xml.ts';
import type { Installed } from '../../inspect/installed.ts';
import { parseMessage } from '../../inspect/messages.ts';
import type { PageFile } from '../../inspect/pages.ts';
import { Patience } from '../../io/bounded.ts';
import { LeftBehindError, readLeft, shownName } from '../../io/untrusted.ts';
import { apiFolder, proseFolder, type DocFacts, type DocPlugin } from '../../model/docs.ts';
import { sizeText } from '../../model/sizes.ts';
import type { BuildEnvironment } from '../build/environment.ts';

const largestText = 1 << 20;
const largestFragment = 16 << 20;
/** Size limit of all message definitions and plugin descriptions, in bytes. */
const largestTexts = 16 << 20;

/** What the site shows of a package beside its manifest, from its installed files. */
export async function factsOf(
  { environment, installed }: { environment: Pick<BuildEnvironment, 'build' | 'own'>; installed: Installed },
  pages: readonly PageFile[],
): Promise<DocFacts> {
  const { build, own } = environment;
  let bytes = 0;
  const text = async (path: string): Promise<string> => {
    const found = await readLeft(own, path.replace(/^\//, ''), largestText);
    bytes += found?.length ?? 0;
    if (bytes > largestTexts)
      throw new LeftBehindError(`its messages and plugins are larger than ${sizeText(largestTexts)} together`);
    return found?.toString('utf8') ?? '';
  };
  const there = new Set(pages.map((p) => p.path));
  const fragment = async (name: string) =>
    (await readLeft(build, `docs/${name}.html`, largestFragment))?.toString('utf8');
  const [readme, changelog] = [await fragment('readme'), await fragment('changelog')];
  const time = new Patience();
  const messages = [];
  for (const m of installed.messages) {
    const definition = await text(m.path);
    messages.push(time.spend(shownName(m.path), () => parseMessage(m.kind, m.name, definition)));
  }
  const plugins: DocPlugin[] = [];
  for (const path of installed.descriptions) {
    const description = await text(path);
    append(
      plugins,
      time.spend(shownName(path), () => pluginsIn(description)),
    );
  }
  const firstOf = (path: string) => (there.has(path) ? path : undefined);
  const [api, prose] = [firstOf(`${apiFolder}/overview.html`), firstOf(`${proseFolder}/index.html`)];
  return {
    schema: 1,
    ...(readme === undefined ? {} : { readme }),
    ...(changelog === undefined ? {} : { changelog }),
    ...(api === undefined ? {} : { api }),
    ...(prose === undefined ? {} : { prose }),
    python: installed.modules.map((m) => m.name),
    headers: installed.headers.map((h) => h.replace(/^.*\/include\//, '')),
    messages,
    launch: installed.launch.map(nameBelowShare),
    parameters: installed.parameters.map(nameBelowShare),
    plugins,
    executables: installed.executables,
  };
}

const nameBelowShare = (path: string): string => path.replace(/^.*?\/share\/[^/]+\//, '');

/** Classes in a plugin description (pluginlib's XML); empty if it is not one. */
function pluginsIn(xml: string): DocPlugin[] {
  if (!/<(library|class_libraries)\b/.test(xml)) return [];
  const attribute = (tag: string, name: string) =>
    unescapeXml(new RegExp(`\\b${name}\\s*=\\s*"([^"]*)"`).exec(tag)?.[1] ?? '');
  return [...xml.matchAll(/<class\b([^>]*?)(?:\/>|>([^]*?)<\/class>)/g)]
    .slice(0, 1000)
    .map(([, tag = '', body = '']) => {
      const type = attribute(tag, 'type');
      const description = /<description>([^]*?)<\/description>/.exec(body)?.[1] ?? '';
      return {
        name: attribute(tag, 'name') || type,
        type,
        base: attribute(tag, 'base_class_type'),
        description: unescapeXml(withoutTags(description, '')).replace(/\s+/g, ' ').trim(),
      };
    });
}
