// Loads the rest of the page, and tells each result in a line: `name: value`. Each of the
// other authorities by which the same server is known is in the query, as `other`.

const told = document.getElementById("told");
const others = new URLSearchParams(location.search).getAll("other");

/** Tells the value that `load` gives, or its failure. */
async function tell(name, load) {
  let value;
  try {
    value = await load();
  } catch (error) {
    value = `failed: ${error?.message ?? error}`;
  }
  told.textContent += `${name}: ${value}\n`;
}

/** Waits until an element has loaded its source. */
function loaded(element, add = true) {
  return new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error("not loaded"));
    if (add) document.body.append(element);
  });
}

/** The width of an image tells which image came. */
async function widthOf(image, isNew) {
  if (isNew) await loaded(image);
  else if (!image.complete) await loaded(image, false);
  return image.naturalWidth;
}

async function text(url, options) {
  const response = await fetch(url, options);
  return `${response.status} ${(await response.text()).trim()}`;
}

/** Length and sum of all 32-bit words, for a body too long to tell. */
async function sum(url) {
  const words = new Uint32Array(await (await fetch(url)).arrayBuffer());
  return `${words.length * 4} ${words.reduce((sum, word) => (sum + word) >>> 0, 0)}`;
}

/** Sends texts over a WebSocket, the last text long, and tells the replies. */
function webSocket(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const long = "long ".repeat(100_000);
    const came = [];
    socket.onopen = () => ["first", "second", long].forEach((each) => socket.send(each));
    socket.onmessage = ({ data }) => {
      came.push(data === long ? "long" : data.slice(0, 20));
      if (came.length === 3) socket.close(4001, "enough");
    };
    socket.onclose = ({ code, wasClean }) =>
      resolve(`${came.join()} ${code} ${wasClean}`);
    socket.onerror = () => reject(new Error("no WebSocket"));
  });
}

/** Three events, sent in sequence while the response stays open. */
function events(url) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(url);
    const came = [];
    source.onmessage = ({ data }) => {
      came.push(data);
      if (came.length < 3) return;
      source.close();
      resolve(came.join());
    };
    source.onerror = () => reject(new Error("no events"));
  });
}

await Promise.all([
  ...[...document.querySelectorAll('img[src^="/image/"]')].map((image) =>
    tell(image.getAttribute("src"), () => widthOf(image, false))
  ),
  tell("/style", () => getComputedStyle(document.body).getPropertyValue("--page")),
  tell("/style imported", () => getComputedStyle(told).getPropertyValue("--frame")),
  tell("/frame", async () => {
    const frame = document.querySelector("iframe");
    // Until the server answers, the frame shows an empty document, already complete.
    const { URL, readyState } = frame.contentDocument;
    if (!URL.endsWith("/frame") || readyState !== "complete") await loaded(frame, false);
    return frame.contentDocument.body.textContent.trim();
  }),
  tell("post", () => text("/echo", { method: "POST", body: "posted" })),
  tell("gzip", () => text("/gzip")),
  tell("redirect", () => text("/redirect")),
  tell("missing", () => text("/no/such/thing")),
  tell("chunked", () => text("/chunked")),
  tell("large", () => sum("/large")),
  tell("events", () => events("/events")),
  tell("WebSocket", () => webSocket(`ws://${location.host}/ws`)),
  ...[location.origin, ...others].flatMap((origin, index) => [
    tell(`text ${origin}`, () => text(`${origin}/text`)),
    tell(`image ${origin}`, () => {
      const image = new Image();
      image.src = `${origin}/image/${20 + index}`;
      return widthOf(image, true);
    }),
    tell(`script ${origin}`, async () => {
      const script = document.createElement("script");
      script.src = `${origin}/script/${20 + index}`;
      await loaded(script);
      return globalThis.ran.includes(20 + index);
    }),
  ]),
]);
// Those that the page itself names have all run: a module runs after them, but for the
// asynchronous one.
await tell("scripts", async () => {
  const element = document.querySelector("script[async]");
  if (!globalThis.ran.includes(4)) await loaded(element, false);
  return globalThis.ran.filter((number) => number < 20).sort().join();
});
await fetch("/open-gate", { method: "POST" });
