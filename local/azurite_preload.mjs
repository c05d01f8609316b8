// Loaded into Azurite's process before Azurite itself (node --import).
import { createRequire } from "node:module";

// Azurite loads its telemetry library even when it is set to send none; that is two thirds of its start-up time.
const require = createRequire(process.argv[1]);
const telemetry = require.resolve("applicationinsights");
require.cache[telemetry] = { id: telemetry, filename: telemetry, loaded: true, exports: {} };

// Azurite takes no notice when its parent dies. Its standard input does: the pipe closes, whatever ended the
// parent. Azurite then saves its data as after SIGTERM, a signal that Windows has not got.
process.stdin.resume().once("close", () => process.emit("SIGTERM"));
// It alone must not keep an Azurite alive whose services have closed: `make start` would not notice.
process.stdin.unref();
process.once("SIGTERM", () => setTimeout(() => process.exit(), 3000).unref());
