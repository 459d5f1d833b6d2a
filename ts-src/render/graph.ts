import { directNeeds } from '../graph/reduce.ts';
import { entry } from '../model/maps.ts';
import { at } from '../model/lists.ts';
import dagre from '@dagrejs/dagre';
import type { Scope } from '../model/plan.ts';
import { plural } from './diagnostics.ts';

/** A graph to draw: boxes, and edges from dependencies to dependents, without those that other edges imply. */
export interface Drawing {
  title: string;
  nodes: { id: string; label: string; note: string; blocked: boolean; named: boolean }[];
  edges: [from: string, to: string][];
}

/** A scope's packages or repositories, without edges implied by longer paths. */
export function drawingOf(scope: Scope, by: 'package' | 'repository'): Drawing {
  const title = `${scope.distribution} on ${scope.platform}`;
  const index = new Map(scope.packages.map((p, i) => [p.name, i]));
  const needs = scope.packages.map((p, i) =>
    [...new Set([...p.build, ...p.run])].flatMap((n) => index.get(n) ?? []).filter((d) => d < i),
  );
  if (by === 'package') {
    const nodes = scope.packages.map((p) => ({
      id: p.name,
      label: p.name,
      note: p.version,
      blocked: p.blocked !== undefined,
      named: 'named' in p.why,
    }));
    return {
      title,
      nodes,
      edges: reduced(needs).map(([d, n]) => [at(scope.packages, d).name, at(scope.packages, n).name]),
    };
  }
  // In the order of their first packages. An edge against that order closes a cycle of repositories, and stays.
  const place = new Map<string, number>();
  for (const p of scope.packages) if (!place.has(p.repository)) place.set(p.repository, place.size);
  const order = [...place.keys()];
  const nodes = order.map((name) => {
    const mine = scope.packages.filter((p) => p.repository === name);
    return {
      id: name,
      label: name,
      note: plural(mine.length, 'package'),
      blocked: mine.some((p) => p.blocked !== undefined),
      named: mine.some((p) => 'named' in p.why),
    };
  });
  const forward: Set<number>[] = order.map(() => new Set());
  const back = new Map<string, [string, string]>();
  needs.forEach((list, n) => {
    const b = entry(place, at(scope.packages, n).repository);
    for (const d of list) {
      const a = entry(place, at(scope.packages, d).repository);
      const edge: [string, string] = [at(order, a), at(order, b)];
      if (a < b) at(forward, b).add(a);
      else if (a > b) back.set(edge.join(' '), edge);
    }
  });
  const kept = reduced(forward.map((f) => [...f])).map(([x, y]): [string, string] => [at(order, x), at(order, y)]);
  return { title, nodes, edges: [...kept, ...[...back.keys()].sort().map((e) => entry(back, e))] };
}

/** The edges that no others imply, from dependencies to dependents. */
const reduced = (needs: readonly (readonly number[])[]): [number, number][] =>
  directNeeds(needs).flatMap((list, n) => list.sort((a, b) => b - a).map((d): [number, number] => [d, n]));

/** Renders Graphviz's DOT language. */
export function renderDot(drawing: Drawing): string {
  const q = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return [
    `digraph ${q(drawing.title)} {`,
    '  rankdir=LR;',
    '  node [shape=box, fontname="sans-serif"];',
    ...drawing.nodes.map(
      (n) =>
        `  ${q(n.id)} [label=${q(`${n.label}\n${n.note}`).replaceAll('\n', '\\n')}${n.blocked ? ', color=red' : ''}${n.named ? ', penwidth=2' : ''}];`,
    ),
    ...drawing.edges.map(([a, b]) => `  ${q(a)} -> ${q(b)};`),
    '}',
    '',
  ].join('\n');
}

const boxHeight = 40;
/** Above this number of boxes, dagre takes minutes. */
const manyBoxes = 250;

interface Layout {
  width: number;
  height: number;
  boxes: { x: number; y: number; width: number }[];
  lines: { x: number; y: number }[][];
}

/** Layers from left to right, laid out by dagre. */
function layered(drawing: Drawing, widths: readonly number[]): Layout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 12, ranksep: 60, marginx: 20, marginy: 50 });
  graph.setDefaultEdgeLabel(() => ({}));
  drawing.nodes.forEach((_, i) => graph.setNode(String(i), { width: at(widths, i), height: boxHeight }));
  const index = new Map(drawing.nodes.map((n, i) => [n.id, String(i)]));
  for (const [a, b] of drawing.edges) graph.setEdge(entry(index, a), entry(index, b));
  dagre.layout(graph);
  const { width = 100, height = 100 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    boxes: drawing.nodes.map((_, i) => graph.node(String(i)) as { x: number; y: number; width: number }),
    lines: graph.edges().map((e) => (graph.edge(e) as { points: { x: number; y: number }[] }).points),
  };
}

/**
 * Layout for many boxes: columns by longest path, each sorted by the positions of dependencies, with straight edges.
 * Linear.
 */
function columns(drawing: Drawing, widths: readonly number[]): Layout {
  const index = new Map(drawing.nodes.map((n, i) => [n.id, i]));
  const needs: number[][] = drawing.nodes.map(() => []);
  for (const [a, b] of drawing.edges) at(needs, entry(index, b)).push(entry(index, a));
  // An edge against the order of boxes closes a cycle of repositories.
  const rank: number[] = [];
  needs.forEach((list, n) => (rank[n] = Math.max(0, ...list.filter((d) => d < n).map((d) => at(rank, d) + 1))));
  const layers: number[][] = [];
  rank.forEach((r, n) => (layers[r] ??= []).push(n));
  const row = drawing.nodes.map(() => 0);
  const boxes: Layout['boxes'] = [];
  let x = 20;
  let height = 0;
  for (const layer of layers) {
    const mean = new Map(
      layer.map((n) => {
        const below = at(needs, n);
        return [n, below.length ? below.reduce((sum, d) => sum + at(row, d), 0) / below.length : 0];
      }),
    );
    layer.sort((a, b) => entry(mean, a) - entry(mean, b) || a - b);
    const width = Math.max(0, ...layer.map((n) => at(widths, n)));
    layer.forEach((n, i) => {
      row[n] = i;
      boxes[n] = { x: x + width / 2, y: 70 + i * (boxHeight + 10), width: at(widths, n) };
    });
    height = Math.max(height, 90 + layer.length * (boxHeight + 10));
    x += width + 90;
  }
  const lines = drawing.edges.map(([a, b]) => {
    const [from, to] = [at(boxes, entry(index, a)), at(boxes, entry(index, b))];
    return [
      { x: from.x + from.width / 2, y: from.y },
      { x: to.x - to.width / 2, y: to.y },
    ];
  });
  return { width: x, height, boxes, lines };
}

/** Renders SVG for browsers, with dependencies to the left. The browser's search finds names. */
export function renderSvg(drawing: Drawing): string {
  const widths = drawing.nodes.map((n) => 24 + 7.5 * Math.max(n.label.length, n.note.length));
  const layout = (drawing.nodes.length > manyBoxes ? columns : layered)(drawing, widths);
  const [width, height] = [Math.ceil(layout.width), Math.ceil(layout.height)];
  const faint = drawing.nodes.length > manyBoxes ? ';opacity:.35' : '';
  const number = (n: number) => String(Math.round(n * 10) / 10);
  const lines = layout.lines
    .map((points) => points.map((p, i) => `${i ? 'L' : 'M'}${number(p.x)} ${number(p.y)}`).join(''))
    .sort();
  const boxes = drawing.nodes.map((n, i) => {
    const place = at(layout.boxes, i);
    const chosen = n.named ? 'named' : 'needed';
    const x = number(place.x);
    const left = number(place.x - place.width / 2);
    const top = number(place.y - boxHeight / 2);
    return [
      `<g class="${n.blocked ? 'blocked' : chosen}"><title>${escape(`${n.label} ${n.note}`)}</title>`,
      `<rect x="${left}" y="${top}" width="${number(place.width)}" height="${boxHeight}" rx="5"/>`,
      `<text x="${x}" y="${number(place.y - 3)}">${escape(n.label)}</text>`,
      `<text class="note" x="${x}" y="${number(place.y + 13)}">${escape(n.note)}</text></g>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(drawing.title)}">
<style>text{font:13px sans-serif;text-anchor:middle;fill:#1b1f24}.note{font-size:11px;fill:#57606a}.title{font-size:18px;text-anchor:start}rect{fill:#f6f8fa;stroke:#8c959f}.named rect{fill:#ddf4ff;stroke:#0969da}.blocked rect{fill:#ffebe9;stroke:#cf222e}path{fill:none;stroke:#8c959f;marker-end:url(#arrow)${faint}}path:hover{stroke:#0969da;stroke-width:2;opacity:1}</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#8c959f;stroke:none"/></marker></defs>
<rect width="100%" height="100%" style="fill:#fff;stroke:none"/>
<text class="title" x="20" y="30">${escape(drawing.title)}</text>
${lines.map((d) => `<path d="${d}"/>`).join('\n')}
${boxes.join('\n')}
</svg>
`;
}

const escape = (text: string): string => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
