/** A line chart as SVG: bytes kept, by day, against the budget. */
import type { Played } from "./retention-rules.ts";

const gibibyte = 1024 ** 3;
const size = { width: 900, height: 420, left: 60, right: 20, top: 50, bottom: 110 };
const colours = ["#0b6e4f", "#c1440e", "#2b59c3", "#8a8a8a"];

/** Draws each rule's year. The same numbers give the same text. */
export function plotYear(played: readonly Played[], budgetBytes: number, title: string): string {
  const days = Math.max(...played.map(({ bytes }) => bytes.length));
  const most = Math.ceil(Math.max(budgetBytes, ...played.flatMap(({ bytes }) => bytes)) / gibibyte / 20) * 20;
  const x = (day: number): number => size.left + (day / days) * (size.width - size.left - size.right);
  const y = (bytes: number): number =>
    size.height - size.bottom - (bytes / gibibyte / most) * (size.height - size.top - size.bottom);
  const at = (value: number): string => value.toFixed(1);
  const grid = Array.from({ length: most / 20 + 1 }, (_, index) => index * 20).map(
    (level) =>
      `<path d="M${at(x(0))} ${at(y(level * gibibyte))}H${at(x(days))}" stroke="#ddd"/>` +
      `<text x="${size.left - 8}" y="${at(y(level * gibibyte) + 4)}" text-anchor="end">${level}</text>`,
  );
  const months = Array.from({ length: 13 }, (_, month) => month * 30).map(
    (day) => `<text x="${at(x(day))}" y="${size.height - size.bottom + 18}" text-anchor="middle">${day}</text>`,
  );
  const lines = played.map(({ bytes }, index) => {
    const points = bytes.map((value, day) => `${at(x(day + 1))},${at(y(value))}`).join(" ");
    return `<polyline points="${points}" fill="none" stroke="${colours[index % colours.length] ?? ""}" stroke-width="1.5"/>`;
  });
  const legend = played.map(({ name, later }, index) => {
    const top = size.height - size.bottom + 42 + index * 17;
    const share = `${later.answered} of ${later.asked} later requests answered`;
    return (
      `<path d="M${size.left} ${top - 4}h24" stroke="${colours[index % colours.length] ?? ""}" stroke-width="3"/>` +
      `<text x="${size.left + 32}" y="${top}">${escape(name)}: ${share}</text>`
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${size.width}" height="${size.height}" fill="#fff"/>`,
    `<text x="${size.left}" y="22" font-size="15">${escape(title)}</text>`,
    `<text x="${size.left}" y="40" fill="#555">GiB kept, by day</text>`,
    ...grid,
    ...months,
    `<path d="M${at(x(0))} ${at(y(budgetBytes))}H${at(x(days))}" stroke="#000" stroke-dasharray="6 4"/>`,
    `<text x="${at(x(days) - 4)}" y="${at(y(budgetBytes) - 5)}" text-anchor="end">budget</text>`,
    // The first is what it is about: on top of the others.
    ...lines.reverse(),
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
