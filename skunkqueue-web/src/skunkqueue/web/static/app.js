// The monitor's scripts. Every page works without them, less lively.
import "./copy.js";
import "./keys.js";
import "./live.js";
import "./times.js";
