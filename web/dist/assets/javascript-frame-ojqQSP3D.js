"use strict";(()=>{var a=`
const lines = [];
let length = 0;
const show = (value) => {
    if (typeof value === 'string') return value;
    try { return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : typeof each === 'function' ? '[function]' : each)) ?? String(value); } catch { return String(value); }
};
const print = (...values) => { const line = values.map(show).join(' '); if ((length += line.length) < 20000) lines.push(line); };
self.console = { log: print, info: print, warn: print, error: print, debug: print, table: print };
onmessage = async ({ data }) => {
    const told = {};
    try {
        let value;
        try { value = (0, eval)(data); } catch (error) {
            if (!(error instanceof SyntaxError)) throw error;
            value = new (Object.getPrototypeOf(async function () {}).constructor)(data)();   // await and return, which a script has not
        }
        value = await value;
        if (value !== undefined) told.value = show(value);
    } catch (error) { told.error = String(error); }
    if (lines.length) told.output = lines.join('\\n');
    postMessage(told);
};`;addEventListener("message",({source:o,data:t})=>{if(o!==parent||typeof t?.code!="string")return;let n=new Worker(URL.createObjectURL(new Blob([a],{type:"text/javascript"}))),r=e=>{clearTimeout(s),n.terminate(),parent.postMessage(e,"*")},s=setTimeout(()=>r({error:`The code took longer than ${t.longestRunMs/1e3} s.`}),t.longestRunMs);n.onmessage=e=>r(e.data),n.onerror=e=>r({error:e.message||"The code could not be run."}),n.postMessage(t.code)});})();
