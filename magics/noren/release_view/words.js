// Numbers as words, as magics/noren/wording.py writes them: a test compares the two.

const THIN = "\u202f";
const UNKNOWN = "–";

const pad = (number) => String(number).padStart(2, "0");
const grouped = (number) => number.toLocaleString("en-US");
const number = (version) => (version ? `v${version.split("/").pop()}` : "");
const plural = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

function share(rate) {
  if (rate == null) return UNKNOWN;
  const percent = 100 * rate;
  const digits = percent === 0 || percent >= 10 ? 0 : percent >= 1 ? 1 : 2;
  return percent > 0 && percent < 0.01 ? `<${THIN}0.01${THIN}%` : `${percent.toFixed(digits)}${THIN}%`;
}

function latency(ms) {
  if (ms == null) return UNKNOWN;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)}${THIN}s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)}${THIN}ms`;
}

/** An e-value as the odds that it is: what a bet of 1 against "all is well" has won. Nothing below 2 to 1. */
function odds(logEvidence) {
  if (logEvidence == null || logEvidence < Math.log(2)) return "";
  if (logEvidence >= Math.log(1e6)) return "over 1,000,000 to 1";
  return `${grouped(Number(Math.exp(logEvidence).toPrecision(2)))} to 1`;
}

function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)}${THIN}s`;
  if (seconds < 90) return `${seconds.toFixed(0)}${THIN}s`;
  const minutes = Math.floor(seconds / 60 + 0.5);
  if (minutes < 60) return `${minutes}${THIN}min`;
  return `${Math.floor(minutes / 60)}${THIN}h ${minutes % 60}${THIN}min`;
}

function clock(at, now) {
  const time = new Date(1000 * at);
  const minute = `${pad(time.getHours())}:${pad(time.getMinutes())}`;
  return now - at < 86400 ? minute : `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${minute}`;
}
