// tiktoken-bench RANKS FILE: prints a JSON line like tokenizer_bench.
use std::time::Instant;

const PATTERN: &[&str] = &[
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"\s*[\r\n]+",
    r"\s+(?!\S)",
    r"\s+",
];

fn decode_base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut bytes, mut bits, mut count) = (vec![], 0u32, 0);
    for c in text.bytes().take_while(|&c| c != b'=') {
        bits = bits << 6 | value(c) as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let ranks = std::fs::read_to_string(&arguments[1]).expect("ranks");
    let text = std::fs::read_to_string(&arguments[2]).expect("text");
    let encoder = ranks.lines().map(|line| {
        let (token, rank) = line.split_once(' ').expect("token and rank");
        (decode_base64(token), rank.parse().expect("rank"))
    });
    let specials = [("<|endoftext|>".to_string(), 199999)];
    let bpe = tiktoken::CoreBPE::new::<_, _, Vec<_>>(encoder, specials, &PATTERN.join("|")).expect("pattern");

    let (mut best, mut total, mut tokens, mut calls) = (f64::MAX, 0.0, 0, 0);
    while calls < 3 || total < 0.5 {
        let start = Instant::now();
        tokens = bpe.encode_ordinary(&text).len();
        let seconds = start.elapsed().as_secs_f64();
        best = best.min(seconds);
        total += seconds;
        calls += 1;
    }
    let speed = text.len() as f64 / best / 1e6;
    println!("{{\"bytes\":{},\"tokens\":{},\"mb_per_s\":{:.2}}}", text.len(), tokens, speed);
}
