# Reference answers of emmeans, anova, performance and predict for test_questions.py
#
#   Rscript questions.R     (after designs.R, in the same folder)
suppressMessages({library(lme4); library(lmerTest); library(emmeans); library(performance)})
options(digits = 15)
control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6))
emm_options(lmer.df = "satterthwaite", lmerTest.limit = 1e5)
read <- function(name) read.csv(paste0(name, ".csv"), stringsAsFactors = TRUE)
put <- function(x, name) write.csv(as.data.frame(x), paste0(name, ".csv"), row.names = FALSE)

d <- read("interaction")
fit <- lmer(y ~ rule * order + width + (1 | subject), d, control = control)
put(emmeans(fit, ~ rule), "emmeans_rule")
put(emmeans(fit, ~ rule | order), "emmeans_rule_order")
put(pairs(emmeans(fit, ~ rule), adjust = "holm"), "emmeans_pairs")
put(pairs(emmeans(fit, ~ rule | order), adjust = "none"), "emmeans_pairs_order")
small <- lmer(y ~ rule + order + width + (1 | subject), d, control = control)
test <- anova(small, fit)
put(data.frame(npar = test$npar, loglik = test$logLik, aic = test$AIC, bic = test$BIC,
               chisq = test$Chisq, df = test$Df, p = test$`Pr(>Chisq)`), "lrt_interaction")

put(data.frame(design = c("balanced", "crossed", "slope"), t(sapply(list(
  lmer(y ~ x + (1 | subject), read("balanced"), control = control),
  lmer(y ~ complexity + position + (1 | subject) + (1 | feature), read("crossed"), control = control),
  lmer(y ~ day + (day | subject), read("slope"), control = control)), function(m) {
    r <- r2_nakagawa(m); i <- icc(m)
    c(marginal = unname(r$R2_marginal), conditional = unname(r$R2_conditional),
      icc_adjusted = i$ICC_adjusted, icc_unadjusted = i$ICC_unadjusted)
  }))), "r2_icc")

d <- read("slope")
fit <- lmer(y ~ day + (day | subject), d, control = control)
put(data.frame(fixed = predict(fit, re.form = NA), all = predict(fit)), "slope_predictions")
new <- data.frame(day = c(10, 10), subject = c("s03", "nobody"))
put(data.frame(day = new$day, subject = new$subject, fixed = predict(fit, new, re.form = NA),
               all = predict(fit, new, allow.new.levels = TRUE)), "slope_new")

d <- read("balanced")
fit <- lmer(y ~ x + (1 | subject), d, control = control)
drop <- t(sapply(levels(d$subject), function(s) fixef(update(fit, data = d[d$subject != s, ]))))
inf <- influence(fit, groups = "subject")
put(data.frame(subject = levels(d$subject), intercept = drop[, 1], x = drop[, 2],
               cook = cooks.distance(inf)), "balanced_influence")
