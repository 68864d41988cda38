// Writes src/openapi.ts, the API's types, from docs/openapi.json. git ignores it: `npm run check` makes it anew each time, so that
// the console cannot expect what the node does not promise.
import fs from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const types = astToString(await openapiTS(new URL('../../docs/openapi.json', import.meta.url)));
fs.writeFileSync(new URL('../src/openapi.ts', import.meta.url), types);
