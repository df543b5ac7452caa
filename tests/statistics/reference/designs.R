# Makes the data and the lmerTest / pbkrtest reference values of tests/statistics/test_lmer_equality.py
#
#   Rscript designs.R
#
# writes, for every design, <design>.csv (the data) and <design>_{fixed,random,fit}.csv (the
# reference), into the folder it is run in, and versions.txt. Every data set is simulated here.
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest)})
options(digits = 15)
control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6))

store <- function(name, formula, data, kenward = TRUE) {
  data$y <- signif(data$y, 8)
  write.csv(data, paste0(name, ".csv"), row.names = FALSE, quote = FALSE)
  data <- read.csv(paste0(name, ".csv"), stringsAsFactors = TRUE)
  fit <- lmer(formula, data, REML = TRUE, control = control)
  # summary() of lmerTest gives Satterthwaite; "Kenward-Roger" calls pbkrtest.
  fixed <- as.data.frame(coef(summary(fit)))
  names(fixed) <- c("estimate", "se", "df", "t", "p")
  if (kenward) {
    kr <- as.data.frame(coef(summary(fit, ddf = "Kenward-Roger")))
    fixed$kr_se <- kr[, "Std. Error"]; fixed$kr_df <- kr[, "df"]; fixed$kr_p <- kr[, "Pr(>|t|)"]
  }
  fixed <- cbind(term = rownames(fixed), fixed)
  random <- as.data.frame(VarCorr(fit))
  random <- random[is.na(random$var2), c("grp", "var1", "vcov", "sdcor")]
  names(random) <- c("group", "term", "variance", "sd")
  ml <- refitML(fit)
  out <- data.frame(formula = deparse1(formula), reml = as.numeric(REMLcrit(fit)),
                    loglik_ml = as.numeric(logLik(ml)), aic_ml = AIC(ml), bic_ml = BIC(ml),
                    singular = isSingular(fit))
  write.csv(fixed, paste0(name, "_fixed.csv"), row.names = FALSE)
  write.csv(random, paste0(name, "_random.csv"), row.names = FALSE)
  write.csv(out, paste0(name, "_fit.csv"), row.names = FALSE)
  cat(name, "singular:", out$singular, "\n")
  invisible(fit)
}

set.seed(20240501)
lev <- function(prefix, n) factor(sprintf("%s%02d", prefix, 1:n))

# 1 balanced, one grouping
d <- expand.grid(repetition = 1:6, subject = lev("s", 12))
d$x <- rep(c(-1, 1), length.out = nrow(d))
d$y <- 1 + 0.4 * d$x + rnorm(12, 0, 0.8)[d$subject] + rnorm(nrow(d))
store("balanced", y ~ x + (1 | subject), d)

# 2 unbalanced, one grouping, a predictor between groups and one within
d <- expand.grid(repetition = 1:9, subject = lev("s", 14))
d <- d[runif(nrow(d)) < 0.6, ]
d$within <- round(rnorm(nrow(d)), 4)
d$between <- round(rnorm(14), 4)[d$subject]
d$y <- 0.3 * d$within + 0.5 * d$between + rnorm(14, 0, 0.7)[d$subject] + rnorm(nrow(d))
store("unbalanced", y ~ within + between + (1 | subject), d)

# 3 crossed, complexity between features, position within
d <- expand.grid(subject = lev("s", 10), feature = lev("f", 8))
d$complexity <- rep(c(1, 1, 1, 2, 2, 3, 3, 4), each = 10)
d$position <- as.vector(sapply(1:8, function(i) sample(1:10))) %% 4
d$y <- 0.6 - 0.08 * d$complexity - 0.02 * d$position +
  rnorm(10, 0, 0.1)[d$subject] + rnorm(8, 0, 0.15)[d$feature] + rnorm(nrow(d), 0, 0.1)
store("crossed", y ~ complexity + position + (1 | subject) + (1 | feature), d)

# 4 nested, unbalanced
d <- expand.grid(neuroid = 1:7, session = lev("v", 4), subject = lev("s", 7))
d <- d[runif(nrow(d)) < 0.8, ]
d$group <- factor(ifelse(as.integer(d$subject) <= 4, "old", "young"))
cell <- interaction(d$subject, d$session)
d$y <- ifelse(d$group == "old", 0.7, 0) + rnorm(7, 0, 0.6)[d$subject] +
  rnorm(nlevels(cell), 0, 0.5)[cell] + rnorm(nrow(d), 0, 0.8)
store("nested", y ~ group + (1 | subject/session), d)

# 5 correlated random slope
d <- expand.grid(day = 0:7, subject = lev("s", 16))
u <- matrix(rnorm(32), 16) %*% chol(matrix(c(1, 0.12, 0.12, 0.09), 2))
d$y <- 2 + 0.25 * d$day + u[d$subject, 1] + u[d$subject, 2] * d$day + rnorm(nrow(d), 0, 0.7)
store("slope", y ~ day + (day | subject), d)

# 6 interaction of two categorical terms, unbalanced, with a continuous covariate
d <- expand.grid(repetition = 1:4, rule = c("linear", "parity", "xor"), order = c("easy_first", "hard_first"),
                 subject = lev("s", 11))
d <- d[runif(nrow(d)) < 0.75, ]
d$width <- round(rnorm(nrow(d)), 3)
d$y <- c(0.8, 0.2, 0.4)[d$rule] + 0.1 * (d$order == "hard_first") * (d$rule == "xor") + 0.05 * d$width +
  rnorm(11, 0, 0.2)[d$subject] + rnorm(nrow(d), 0, 0.2)
store("interaction", y ~ rule * order + width + (1 | subject), d)

# 7 uncorrelated slope beside a crossed grouping, and an interaction
d <- expand.grid(subject = lev("s", 12), feature = lev("f", 10))
d$rank <- as.vector(replicate(10, sample(seq(-1.5, 1.5, length.out = 12))))
d$rank <- round(d$rank, 4)
d$complexity <- rep(rep(0:1, each = 5), each = 12)
d$y <- 1 - 0.5 * d$complexity + 0.2 * d$rank - 0.1 * d$rank * d$complexity + rnorm(12, 0, 0.4)[d$subject] +
  rnorm(12, 0, 0.25)[d$subject] * d$rank + rnorm(10, 0, 0.4)[d$feature] + rnorm(nrow(d), 0, 0.4)
store("crossed_slope", y ~ complexity * rank + (rank || subject) + (1 | feature), d)

# 8 three crossed groupings, incomplete
d <- expand.grid(subject = lev("s", 9), stimulus = lev("i", 12), session = lev("v", 5))
d <- d[runif(nrow(d)) < 0.5, ]
d$x <- round(rnorm(nrow(d)), 4)
d$y <- 0.2 * d$x + rnorm(9, 0, 0.5)[d$subject] + rnorm(12, 0, 0.6)[d$stimulus] +
  rnorm(5, 0, 0.4)[d$session] + rnorm(nrow(d))
store("three_crossed", y ~ x + (1 | subject) + (1 | stimulus) + (1 | session), d)

# Singular: features whose variance is estimated 0
found <- FALSE
for (seed in 1:500) {
  set.seed(seed)
  d <- expand.grid(subject = lev("s", 10), feature = lev("f", 8))
  d$complexity <- rep(rep(0:1, each = 4), each = 10)
  d$y <- 0.5 * d$complexity + rnorm(10, 0, 0.5)[d$subject] + rnorm(nrow(d))
  fit <- suppressMessages(lmer(y ~ complexity + (1 | subject) + (1 | feature), d))
  v <- as.data.frame(VarCorr(fit))
  if (v$vcov[v$grp == "feature"] == 0 && v$vcov[v$grp == "subject"] > 0.05) { found <- TRUE; break }
}
stopifnot(found)
store("singular_feature", y ~ complexity + (1 | subject) + (1 | feature), d)

# Singular: correlation of intercept and slope at 1 or -1
for (seed in 1:500) {
  set.seed(seed)
  d <- expand.grid(day = 0:5, subject = lev("s", 8))
  d$y <- 0.2 * d$day + rnorm(8, 0, 0.7)[d$subject] + rnorm(nrow(d))
  fit <- suppressMessages(lmer(y ~ day + (day | subject), d))
  v <- as.data.frame(VarCorr(fit))
  if (isSingular(fit) && v$vcov[2] > 1e-4) break
}
store("singular_slope", y ~ day + (day | subject), d)

writeLines(c(R.version.string, sapply(c("lme4", "lmerTest", "pbkrtest"),
  function(p) paste(p, packageVersion(p)))), "versions.txt")
