// What the marketplace has brought, on the machine page of a host that earns on a local chain.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { openPage, startBrowser } from './support/browser.mjs';
import { startMarket } from './support/local_market.mjs';
import { startNode, waitFor } from './support/node.mjs';

test('operators see what is credited, counted and proven; users see nothing of it', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'console-earnings-'));
    const market = await startMarket();
    const node = await startNode(['--cache-tokens', '16384', '--context', '4096', '--admin-port', '0'], market.environment(folder));
    const browser = await startBrowser();
    t.after(async () => { await browser.close(); await node.stop(); await market.stop(); fs.rmSync(folder, { recursive: true, force: true }); });
    const admin = await waitFor(() => node.log().match(/operators: (http:[^\s]+)\/admin/)?.[1]);
    const { page, complaints } = await openPage(browser, `${admin}/#machine`);
    await page.waitForSelector('[aria-label=Earnings] >> text=0 coins and 0 of the stablecoin');
    assert.match(await page.locator('[aria-label=Earnings]').innerText(), new RegExp(`${market.host}[\\s\\S]*0 counted, 0 proven, 0 to be proven`));
    assert.deepEqual(complaints, []);
    assert.equal((await fetch(`${node.origin}/admin/earnings`)).status, 404);
});
