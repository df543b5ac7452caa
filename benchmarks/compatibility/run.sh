#!/bin/sh
# Record three files and open them with every tool that is here: run.sh [PYTHON_WITH_OLD_XARRAY]
set -eu
here=$(dirname "$0")
python=${PYTHON:-python}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" "$here/make_files.py" "$folder"
for script in check_xarray check_netcdf4 check_h5py; do
    "$python" "$here/$script.py" "$folder"
done
if [ $# -gt 0 ]; then
    for script in check_xarray check_netcdf4 check_h5py; do
        "$1" "$here/$script.py" "$folder"
    done
else
    echo "old xarray: skipped, no Python was given"
fi
if command -v Rscript > /dev/null && Rscript -e 'library(ncdf4)' > /dev/null 2>&1; then
    LC_ALL=C.UTF-8 Rscript "$here/check_ncdf4.R" "$folder"
else
    echo "R: skipped, Rscript or the package ncdf4 is not installed"
fi
if command -v ncdump > /dev/null; then
    for name in plain compressed training; do
        ncdump "$folder/$name.nc" > "$folder/$name.cdl"
        grep -q "float activity(presentation, neuroid" "$folder/$name.cdl"
        grep -q '"object .* 3"' "$folder/$name.cdl"
        grep -q 'activity:units = "arbitrary"' "$folder/$name.cdl"
    done
    echo "ncdump, $(ncdump 2>&1 | grep -o 'netcdf library version [0-9.]*'): ok"
else
    echo "ncdump: skipped, not installed"
fi
