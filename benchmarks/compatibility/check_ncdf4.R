# Read the files with R and ncdf4: Rscript check_ncdf4.R FOLDER
suppressMessages(library(ncdf4))
folder <- commandArgs(trailingOnly = TRUE)[1]
for (name in c("plain.nc", "compressed.nc", "training.nc")) {
  file <- nc_open(file.path(folder, name))
  activity <- ncvar_get(file, "activity")          # R lists the dimensions in reverse
  expected <- as.matrix(read.csv(file.path(folder, paste0(name, ".csv")), header = FALSE))
  found <- t(matrix(activity, ncol = 7))
  stopifnot(all(dim(found) == dim(expected)), max(abs(found - expected)) < 1e-6)
  ids <- ncvar_get(file, "stimulus_id")
  Encoding(ids) <- "UTF-8"
  stopifnot(identical(as.vector(ids), paste("object \u00e9", 0:6)))
  region <- ncvar_get(file, "region")
  stopifnot(length(region) == length(ncvar_get(file, "neuroid_id")))
  stopifnot(ncatt_get(file, 0, "kind")$value == "network")
  stopifnot(ncatt_get(file, "activity", "units")$value == "arbitrary")
  nc_close(file)
}
cat(R.version.string, "with ncdf4", as.character(packageVersion("ncdf4")), ": ok\n")
