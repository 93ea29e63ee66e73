// PostGraphile over the schema api, on a free port of the loopback that it prints. Arguments: a database URL, the tags file.
// The viewer is named by a header here; a real server takes it from the session that it has checked.
const http = require("http");
const { postgraphile } = require("postgraphile");
const { makePgSmartTagsFromFilePlugin } = require("postgraphile/plugins");

const [url, tags] = process.argv.slice(2);
const handler = postgraphile(url, "api", {
  appendPlugins: [makePgSmartTagsFromFilePlugin(tags)],
  disableDefaultMutations: true,
  ignoreRBAC: true,
  pgSettings: (request) => ({ "fowergram.viewer_id": request.headers["x-viewer-id"] || "" }),
  watchPg: false,
});
const server = http.createServer(handler).listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume(); // ends with whoever has started it
