// Debian's Chromium, and what it complained about.
import { chromium } from 'playwright-core';
import './end_of_file.mjs';

const flags = ['--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
    // An address that browsers do not trust as they trust localhost: how a node in one's own network is opened.
    '--host-resolver-rules=MAP node.test 127.0.0.1',
    ...(process.getuid() === 0 ? ['--no-sandbox'] : [])];

export const startBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags });

// A page of its own storage. `complaints` collects errors, warnings and refusals of the page's security policy.
export async function openPage(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    const complaints = [];
    page.setDefaultTimeout(60_000);
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(url);
    return { page, context, complaints };
}
