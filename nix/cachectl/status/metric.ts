/** What a metric is, and the text that Prometheus reads. */

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [Labels, number | undefined];

/** One metric with its samples; one that has none is left out. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly Sample[];
}

const prefix = "nix_binary_cache";
export const single = (value: number | undefined): readonly Sample[] => [[{}, value]];
export const seconds = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined || !Number.isFinite(milliseconds) ? undefined : milliseconds / 1000;

export function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `${prefix}_${name}`, help, type: "gauge", samples };
}

export function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `${prefix}_${name}_total`, help, type: "counter", samples };
}

/** The text exposition format (prometheus.io/docs/instrumenting/exposition_formats), as a textfile collector takes it. */
export function describeMetrics(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, help, type, samples }) => {
      const lines = samples.flatMap(([labels, value]) =>
        value === undefined ? [] : [`${name}${labelsText(labels)} ${value}`],
      );
      return lines.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
    })
    .map((line) => `${line}\n`)
    .join("");
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
