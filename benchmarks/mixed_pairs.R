# The peer of benchmarks/mixed_pairs.py: lme4 on the same table, same random structure.
#
#   Rscript mixed_pairs.R pairs.csv crossed|membership repeats
#
# `membership` puts both stimuli of a pair on one factor through lme4's modular functions,
# which its formulas cannot express. Prints one line of JSON.
suppressMessages({library(lme4); library(Matrix)})
arguments <- commandArgs(trailingOnly = TRUE)
d <- read.csv(arguments[1], stringsAsFactors = TRUE)
d$pair <- interaction(d$stimulus_a, d$stimulus_b, drop = TRUE)
stimuli <- sort(unique(c(levels(d$stimulus_a), levels(d$stimulus_b))))
membership <- function(a, b, levels) {
  a <- match(a, levels); b <- match(b, levels)
  sparseMatrix(i = c(a, b), j = rep(seq_along(a), 2), x = 1, dims = c(length(levels), length(a)))
}

fit_crossed <- function() {
  lmer(dissimilarity ~ animate + (1 | pair) + (1 | subject) + (1 | subject:session), d)
}

fit_membership <- function() {
  # Placeholder factors reserve the rows of Zt that the memberships then replace.
  d$mm <- factor(rep_len(stimuli, nrow(d)), levels = stimuli)
  own <- as.vector(outer(levels(d$subject), stimuli, paste, sep = ":"))
  d$own <- factor(rep_len(own, nrow(d)), levels = own)
  parsed <- lFormula(dissimilarity ~ animate + (1 | mm) + (1 | pair) + (1 | subject) +
    (0 + animate | subject) + (1 | own) + (1 | subject:session), d,
    control = lmerControl(check.nobs.vs.rankZ = "ignore"))
  re <- parsed$reTrms
  rows <- split(seq_len(nrow(re$Zt)), rep(seq_along(re$cnms), diff(re$Gp)))
  names(rows) <- names(re$cnms)
  Zt <- re$Zt
  blocks <- lapply(seq_along(rows), function(k) Zt[rows[[k]], ])
  names(blocks) <- names(rows)
  blocks$mm <- membership(d$stimulus_a, d$stimulus_b, stimuli)
  blocks$own <- membership(paste(d$subject, d$stimulus_a, sep = ":"),
                           paste(d$subject, d$stimulus_b, sep = ":"), own)
  parsed$reTrms$Zt <- do.call(rbind, unname(blocks))
  devfun <- do.call(mkLmerDevfun, parsed)
  found <- optimizeLmer(devfun)
  mkMerMod(environment(devfun), found, parsed$reTrms, fr = parsed$fr)
}

fit <- list(crossed = fit_crossed, membership = fit_membership)[[arguments[2]]]
seconds <- numeric(0)
for (k in seq_len(as.integer(arguments[3]))) seconds <- c(seconds, system.time(m <- fit())[["elapsed"]])
peak <- as.numeric(gsub("\\D", "", grep("VmHWM", readLines("/proc/self/status"), value = TRUE))) / 2^20
cat(sprintf('{"seconds": [%s], "estimate": %.12g, "se": %.12g, "criterion": %.10g, "peak_gib": %.3g}\n',
  paste(seconds, collapse = ", "), fixef(m)[["animate"]], sqrt(vcov(m)[2, 2]), REMLcrit(m), peak))
