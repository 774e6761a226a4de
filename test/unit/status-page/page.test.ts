import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fieldsOf, listOf } from "../../../nix/cachectl/lib/json.ts";
import { badgeOf } from "../../../nix/cachectl/status/page/badge.ts";
import { pageOf } from "../../../nix/cachectl/status/page/page.ts";
import { now, StatusWorld } from "../../cachectl/status-world.ts";
import { Chromium, findChromium } from "./chromium.ts";

/** What nginx sends with the page: by it, a script or a style from elsewhere is an error in the console. */
const policy =
  /Content-Security-Policy "([^"]+)"/.exec(readFileSync("nix/modules/nginx-config.nix", "utf8"))?.[1] ?? "";

const artifacts = "test/artifacts";
const narrow = { width: 360, height: 740, deviceScaleFactor: 2, mobile: true };
const wide = { width: 1280, height: 900, deviceScaleFactor: 1, mobile: false };

describe("the status page", () => {
  let world: StatusWorld;
  beforeEach(() => (world = new StatusWorld()));
  afterEach(() => world.close());

  it("escapes what others wrote", () => {
    const page = pageOf(world.fill().status());
    assert.ok(page.includes("the disk is &lt;full&gt;") && !page.includes("<full>"));
  });

  it("has no script, and nothing from elsewhere", () => {
    const page = pageOf(world.fill().status());
    assert.doesNotMatch(page, /<script|javascript:|\son[a-z]+=|<iframe|<object|@import|url\(/i);
    for (const [, target] of page.matchAll(/\s(?:src|href)="([^"]*)"/g)) assert.equal(target, "status.svg");
  });

  it("names a path for other machines' doctors", () => {
    const status = { ...world.status(), knownPath: "/nix/store/x" };
    assert.match(pageOf(status), /data-known-path="\/nix\/store\/x"/);
  });
});

describe("the status page in a browser", function () {
  this.timeout(420_000);
  const world = new StatusWorld();
  const complaints: string[] = [];
  let [page, server, browser] = ["", undefined as Server | undefined, undefined as Chromium | undefined];
  let url = "";

  before(async function () {
    const found = findChromium();
    if ("reason" in found) {
      console.log(`    (skipped: ${found.reason})`);
      return this.skip();
    }
    const status = world.fill().status();
    page = pageOf(status);
    server = createServer((request, response) => {
      const isPage = request.url === "/";
      response.setHeader("content-security-policy", policy);
      response.setHeader("content-type", isPage ? "text/html; charset=utf-8" : "image/svg+xml");
      response.writeHead(isPage || request.url === "/status.svg" ? 200 : 404).end(isPage ? page : badgeOf(status));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    browser = await Chromium.start(found.program);
    watch(browser, complaints);
    for (const domain of ["Page", "Runtime", "Log", "Accessibility"]) await browser.call(`${domain}.enable`);
    mkdirSync(artifacts, { recursive: true });
  });
  after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    world.close();
  });

  const show = async (size: typeof narrow, scheme: "light" | "dark"): Promise<Chromium> => {
    assert.ok(browser);
    await browser.call("Emulation.setDeviceMetricsOverride", size);
    await browser.call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await browser.open(url);
    return browser;
  };

  for (const scheme of ["light", "dark"] as const)
    for (const [name, size] of [
      ["phone", narrow],
      ["desk", wide],
    ] as const) {
      it(`fits a ${name} in ${scheme}, with nothing in the console`, async () => {
        complaints.length = 0;
        const shown = await show(size, scheme);
        const width = await shown.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)");
        await keepScreenshot(shown, `status-${name}-${scheme}.png`);
        assert.ok(Number(width) <= size.width, `${String(width)} pixels wide`);
        assert.deepEqual(await shown.evaluate(outside), []);
        assert.deepEqual(complaints, []);
      });
    }

  it("would notice an error in the console", async () => {
    complaints.length = 0;
    const shown = await show(narrow, "light");
    await shown.evaluate("void import('http://127.0.0.1:9/x.js').catch(() => console.error('no script'))");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(complaints.length > 0);
  });

  it("can be read: every text has enough contrast, in light and in dark, and no letter is smaller than 11 px", async () => {
    for (const scheme of ["light", "dark"] as const) {
      const shown = await show(narrow, scheme);
      const texts = listOf(await shown.evaluate(textColours)).map(fieldsOf);
      assert.ok(texts.length > 50);
      for (const text of texts) {
        const ratio = contrast(String(text.get("colour")), String(text.get("ground")));
        assert.ok(ratio >= 4.5, `${scheme}: ${String(text.get("text"))} has ${ratio.toFixed(1)}`);
        assert.ok(Number(text.get("size")) >= 11, `${String(text.get("text"))}: ${String(text.get("size"))} px`);
      }
    }
  });

  it("has names for everything that is a picture, a table or a part", async () => {
    const shown = await show(narrow, "light");
    const tree = fieldsOf(await shown.call("Accessibility.getFullAXTree"));
    const nodes = listOf(tree.get("nodes"))
      .map(fieldsOf)
      .filter((node) => node.get("ignored") !== true);
    const named = (role: string, property = "name"): readonly string[] =>
      nodes
        .filter((node) => fieldsOf(node.get("role")).get("value") === role)
        .map((node) => textOf(fieldsOf(node.get(property)).get("value")));
    const pictures = named("image");
    assert.equal(pictures.length, 5, pictures.join(", "));
    assert.ok(
      [...pictures, ...named("image", "description")].every((name) => name.length > 8),
      pictures.join(", "),
    );
    assert.equal(new Set(pictures).size, pictures.length);
    assert.deepEqual(named("heading"), [
      "Nix binary cache on server",
      "Served",
      "Uploads",
      "Disk",
      "Canary",
      "Builders",
      "Populate",
    ]);
    assert.ok(named("columnheader").length >= 8 && named("rowheader").includes("macbook"));
    assert.equal(await shown.evaluate("document.title"), "Nix binary cache on server");
    assert.equal(await shown.evaluate("document.documentElement.lang"), "en");
    assert.match(page, new RegExp(`datetime="${new Date(now).toISOString()}"`));
  });
});

/** Elements that stick out of the window to the right. */
const outside = `[...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 0.5)
  .map((element) => element.tagName + " " + element.textContent.slice(0, 40))`;

/** Every text with its colour, that of the nearest ground, and its size on the screen. */
const textColours = `[...document.querySelectorAll("body *")]
  .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))
  .filter((element) => !["title", "desc"].includes(element.tagName))
  .map((element) => {
    const style = getComputedStyle(element);
    const svg = element.closest("svg");
    let ground = element;
    while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    return {
      text: element.textContent.trim().slice(0, 40),
      colour: svg ? style.fill : style.color,
      ground: getComputedStyle(ground).backgroundColor,
      size: parseFloat(style.fontSize) * scale,
    };
  })`;

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whatever a browser would show in red. */
function watch(browser: Chromium, complaints: string[]): void {
  browser.on("Runtime.exceptionThrown", (params) => complaints.push(JSON.stringify(Object.fromEntries(params))));
  browser.on("Runtime.consoleAPICalled", (params) =>
    complaints.push(`${String(params.get("type"))}: ${JSON.stringify(params.get("args"))}`),
  );
  browser.on("Log.entryAdded", (params) => complaints.push(JSON.stringify(params.get("entry"))));
}

async function keepScreenshot(browser: Chromium, name: string): Promise<void> {
  const shot = fieldsOf(await browser.call("Page.captureScreenshot", { format: "png", captureBeyondViewport: true }));
  writeFileSync(`${artifacts}/${name}`, Buffer.from(String(shot.get("data")), "base64"));
}

/** WCAG 2.2's contrast ratio of two colours written as rgb(r, g, b). */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [...colour.matchAll(/\d+(?:\.\d+)?/g)].slice(0, 3).map(([value]) => {
    const share = Number(value) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
