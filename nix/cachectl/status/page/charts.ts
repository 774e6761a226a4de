/** Pictures as inline SVG: each has a name and says in words what it shows. */
import { markup, type Markup } from "./markup.ts";
import { between, place } from "./scale.ts";

/** What every picture has. */
interface Picture {
  /** Names its elements; unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What is to be seen, in a sentence. */
  readonly says: string;
  /** The highest value on the upright axis, and how it is written. */
  readonly most: number;
  readonly show: (value: number) => string;
  /** Below the left and the right end. */
  readonly ends: readonly [string, string];
}

/** One bar: `part` of the whole is drawn in another colour. */
export interface Bar {
  readonly whole: number;
  readonly part: number;
}

/** One value at a time; without a value it is a failure, and drawn as a cross. */
export interface Dot {
  readonly at: number;
  readonly value: number | undefined;
}

const [width, height] = [320, 140];
const area = { left: 4, right: width - 4, top: 18, bottom: height - 20 };

/** Bars beside each other, the latest on the right. */
export function barChart(picture: Picture, bars: readonly Bar[]): Markup {
  const step = (area.right - area.left) / Math.max(1, bars.length);
  const high = (value: number): number => between(value, picture.most, 0, area.bottom - area.top);
  const drawn = bars.map(({ whole, part }, index) => {
    const [x, thick] = [place(area.left + step * index + step * 0.1), place(step * 0.8)];
    const rect = (from: number, tall: number, name: string): Markup | undefined =>
      tall > 0
        ? markup`<rect class="${name}" x="${x}" y="${place(from - tall)}" width="${thick}" height="${place(tall)}"/>`
        : undefined;
    const hit = high(part);
    return [rect(area.bottom, hit, "first"), rect(area.bottom - hit, high(whole) - hit, "second")];
  });
  return frame(picture, markup`${drawn}`);
}

/** Values over time from `from` to `to`, joined by a line; `limit` is a line across. */
export function lineChart(
  picture: Picture & { readonly limit?: number },
  dots: readonly Dot[],
  from: number,
  to: number,
): Markup {
  const across = (at: number): string => place(between(at - from, to - from, area.left, area.right));
  const up = (value: number): string => place(between(value, picture.most, area.bottom, area.top));
  const good = dots.filter((dot): dot is Dot & { readonly value: number } => dot.value !== undefined);
  const points = good.map(({ at, value }) => `${across(at)},${up(value)}`).join(" ");
  const limit =
    picture.limit === undefined
      ? undefined
      : markup`<line class="limit" x1="${area.left}" x2="${area.right}" y1="${up(picture.limit)}" y2="${up(picture.limit)}"/>`;
  const single =
    good.length === 1
      ? good.map((dot) => markup`<circle class="first" cx="${across(dot.at)}" cy="${up(dot.value)}" r="3"/>`)
      : [];
  const failed = dots.filter(({ value }) => value === undefined).map(({ at }) => cross(Number(across(at))));
  return frame(picture, markup`${limit}<polyline class="line" points="${points}"/>${single}${failed}`);
}

function cross(x: number): Markup {
  const y = area.top + 6;
  return markup`<path class="bad" d="M${place(x - 4)} ${y - 4}l8 8m0 -8l-8 8"/>`;
}

function frame({ id, title, says, most, show, ends }: Picture, inside: Markup): Markup {
  return markup`<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-title ${id}-says">
<title id="${id}-title">${title}</title><desc id="${id}-says">${says}</desc>
<line class="axis" x1="${area.left}" x2="${area.right}" y1="${area.top}" y2="${area.top}"/>
<line class="axis" x1="${area.left}" x2="${area.right}" y1="${area.bottom}" y2="${area.bottom}"/>
${inside}
<text x="${area.left}" y="${area.top - 5}">${show(most)}</text>
<text x="${area.left}" y="${height - 6}">${ends[0]}</text>
<text x="${area.right}" y="${height - 6}" text-anchor="end">${ends[1]}</text>
</svg>`;
}

/** How much of something is used: a bar that is full at `most`. */
export function gaugeChart(picture: Pick<Picture, "id" | "title" | "says">, value: number, most: number): Markup {
  const full = between(value, most, 0, width);
  const name = value > most ? "bad-fill" : "first";
  return markup`<svg class="gauge" viewBox="0 0 ${width} 16" role="img" aria-labelledby="${picture.id}-title ${picture.id}-says">
<title id="${picture.id}-title">${picture.title}</title><desc id="${picture.id}-says">${picture.says}</desc>
<rect class="empty" width="${width}" height="16" rx="4"/><rect class="${name}" width="${place(full)}" height="16" rx="4"/>
</svg>`;
}
