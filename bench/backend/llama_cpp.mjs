// Speed of llama.cpp's own CPU library (as npm's node-llama-cpp ships it) on a GGUF file, as one line of JSON.
// Use: node llama_cpp.mjs FOLDER_WITH_NODE_MODULES FILE PROMPT_TOKENS GENERATED_TOKENS THREADS
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

const [folder, file, promptText, generatedText, threadsText] = process.argv.slice(2);
const [promptTokens, generatedTokens, threads] = [promptText, generatedText, threadsText].map(Number);
const resolve = createRequire(path.join(path.resolve(folder), "package.json")).resolve;
const { getLlama } = await import(pathToFileURL(resolve("node-llama-cpp")).href);

const llama = await getLlama({ gpu: false, build: "never", logLevel: "warn", maxThreads: threads });
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
const context = await model.createContext({
    contextSize: promptTokens + generatedTokens + 64,
    batchSize: Math.max(promptTokens, 512),
    threads: { ideal: threads, min: threads },
    flashAttention: true,
});
const sequence = context.getSequence();
const randomTokens = (count) => Array.from({ length: count }, () => Math.floor(Math.random() * 200000));
const seconds = async (work) => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
};

await sequence.evaluateWithoutGeneratingNewTokens(randomTokens(8)); // warms threads and page cache
await sequence.clearHistory();
const promptSeconds = await seconds(() => sequence.evaluateWithoutGeneratingNewTokens(randomTokens(promptTokens)));
await sequence.clearHistory();

let start = 0;
let count = 0;
for await (const token of sequence.evaluate(randomTokens(1), { temperature: 0, yieldEogToken: true })) {
    void token;
    if (count === 2) start = performance.now(); // the first two warm up
    if (count++ === generatedTokens + 2) break;
}
const generationSeconds = (performance.now() - start) / 1000;
console.log(
    JSON.stringify({
        prompt_tokens_per_second: promptTokens / promptSeconds,
        generated_tokens_per_second: generatedTokens / generationSeconds,
    }),
);
process.exit(0);
